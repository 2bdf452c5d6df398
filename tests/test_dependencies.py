"""What the documentation says of dependencies: the licence of each, and why a version is shut out."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
USED = ("serve", "lms", "postgres", "dask", "lti", "otel", "experiments")  # the other extras build and test


def said() -> str:
    text = (ROOT / "docs/operations.md").read_text("utf-8")
    return text.split("## Dependencies\n")[1].split("\n## ")[0]


def asked() -> dict[str, list[str]]:
    """Return the requirements of the package and of each extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return {"": project["dependencies"], **project["optional-dependencies"]}


def name(requirement: str) -> str:
    return re.split(r"[^\w-]", requirement)[0]


def test_the_licence_of_each_package_is_listed() -> None:
    table = "\n".join(line for line in said().splitlines() if line.startswith("|"))
    for extra in ("", *USED):
        for requirement in asked()[extra]:
            assert re.search(rf"\b{name(requirement)}\b", table), f"{requirement} of {extra or 'the package'}"


def test_each_upper_bound_has_its_reason_and_no_other_is_named() -> None:
    bounds = {
        f"{name(one)}{bound}"
        for requirements in asked().values()
        for one in requirements
        for bound in re.findall(r"<=?[\d.]+", one)
    }
    assert bounds == set(re.findall(r"^- `(.+?)`", said(), flags=re.MULTILINE))
