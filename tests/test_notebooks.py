"""Every notebook draws: pictures are shown in the page, and there is one to show."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))
DRAWS = r"plt\.show\(\)|^(forest|weights|reliability|learning_curves|mastery_map)\("


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_its_picture(path: Path) -> None:
    cells = [c for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
    code = ["".join(cell["source"]) for cell in cells]
    assert code[0].startswith("%matplotlib inline\n")  # without, a figure that a cell returns is not drawn
    assert any(re.search(DRAWS, cell.rstrip().rsplit("\n", 1)[-1]) for cell in code)
    assert all(cell["outputs"] == [] for cell in cells)
