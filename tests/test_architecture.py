"""The floors of the house: imports point down, rooms, files and functions stay small, serving stays light."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.architecture import ROOT, arrows, circles, folders, imported, plan, sources, tree

MAY_IMPORT = {
    "features": {"models"},
    "models": set(),
    "sample": {"features"},
    "engine": {"features", "models"},
    "lms": {"features"},
    "workspace": {"features", "models", "engine"},
    "batch": {"features", "models", "engine", "workspace"},
    "experiments": {"features", "models", "engine", "workspace", "lms", "batch", "sample"},
    "service": {"features", "models", "engine", "workspace", "lms", "batch"},
}
LONGEST_FILE, LONGEST_FUNCTION = 450, 60
MOST_FILES, MOST_FLOORS = 12, 7
SQL = ("segue.workspace.storage.", "segue.workspace.records.")
REACHED = {  # (rooms, floors, arrows, circles) at most
    "segue": (10, 6, 28, 0),
    "segue.engine": (12, 7, 38, 0),
    "segue.workspace": (10, 6, 30, 0),
    "segue.batch": (8, 4, 11, 0),
    "segue.features": (11, 4, 18, 0),
    "segue.experiments": (5, 1, 0, 0),
}


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def test_imports_point_down() -> None:
    wrong = [
        f"{a} imports {b}"
        for a, b in sorted(arrows())
        if room(a) in MAY_IMPORT and room(b) != room(a) and room(b) not in MAY_IMPORT[room(a)]
    ]
    assert not wrong, "\n".join(wrong)


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles() == []


@pytest.mark.parametrize("folder", folders())
def test_rooms_hold_few_files_on_few_floors(folder: str) -> None:
    own = [n for n in sources() if n.rpartition(".")[0] == folder and sources()[n].name != "__init__.py"]
    if folder != "segue.cli":  # a file a command group
        assert len(own) <= MOST_FILES, f"{folder} has {len(own)} files: split it by idea"
    assert plan(folder).floors <= MOST_FLOORS
    assert plan(folder).circles == 0


@pytest.mark.parametrize(("folder", "most"), REACHED.items())
def test_what_was_reached_is_kept(folder: str, most: tuple[int, int, int, int]) -> None:
    p = plan(folder)
    found = (p.rooms, p.floors, p.arrows, p.circles)
    assert all(have <= may for have, may in zip(found, most, strict=True)), f"{found}, at most {most}"


def test_sql_and_mlflow_stay_in_their_rooms() -> None:
    wrong = []
    for name, path in sources().items():
        roots = {n.split(".")[0] for n in imported(tree(path))}
        if "sqlalchemy" in roots and not name.startswith(SQL):
            wrong.append(f"{name} imports sqlalchemy")
        if "mlflow" in roots and not name.startswith("segue.experiments.tracking"):
            wrong.append(f"{name} imports mlflow")
    assert wrong == []


def test_files_and_functions_stay_small() -> None:
    long = []
    for path in sources().values():
        if (lines := path.read_text().count("\n")) > LONGEST_FILE:
            long.append(f"{path} has {lines} lines: split it by idea")
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                length -= (ast.get_docstring(node) or "").count("\n")
                if length > LONGEST_FUNCTION:
                    long.append(f"{path}:{node.lineno} {node.name} has {length} lines")
    assert long == []


def test_every_public_class_name_stands_for_one_thing() -> None:
    homes = defaultdict(list)
    for name, path in sources().items():
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(name)
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}


def test_the_documented_places_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = set(
        re.findall(r"`((?:engine|features|models|workspace|batch|experiments|service|lms)/[\w/.]+)`", text)
    )
    missing = [n for n in sorted(named) if not any(p.exists() for p in _places(ROOT / n))]
    assert missing == []


def _places(path: Path) -> list[Path]:
    """Return where a documented name may stand: a file or folder, or a function of a module."""
    return [path, path.with_suffix(".py")]
