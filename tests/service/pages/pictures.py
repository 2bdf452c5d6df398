"""Pictures of the two main pages: ``python -m tests.service.pages.pictures FOLDER``.

Serves the bundled class by ``segue demo --pages`` and takes them with the distribution's Chromium.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.service.pages.conftest import CHROMIUM, FLAGS

SIZE = {"width": 900, "height": 1100}


def take(folder: Path) -> None:
    """Write page-week.png and page-class.png."""
    command = [Path(sys.executable).parent / "segue", "demo", "--pages", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as serving:
        assert serving.stdout is not None
        links = json.loads(serving.stdout.readline())
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(viewport=SIZE)
            for who, name in (("student", "page-week"), ("teacher", "page-class")):
                page.goto(links[who])
                page.screenshot(path=folder / f"{name}.png")
            browser.close()
        serving.terminate()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
