"""The floors of the house: imports point down, files and functions stay small, serving stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "segue": ROOT / "src" / "segue",
    "segue.features": ROOT / "features",
    "segue.models": ROOT / "models",
    "segue.engine": ROOT / "engine",
    "segue.lms": ROOT / "lms",
    "segue.experiments": ROOT / "experiments",
    "segue.service": ROOT / "service",
    "segue.sample": ROOT / "sample",
}
MAY_IMPORT = {
    "segue": set(FOLDERS),
    "segue.features": set(),
    "segue.models": set(),
    "segue.engine": {"segue.features", "segue.models"},
    "segue.lms": {"segue.features"},
    "segue.experiments": {"segue.features", "segue.models", "segue.engine", "segue.lms", "segue.sample"},
    "segue.service": {"segue.features", "segue.models", "segue.engine", "segue.lms"},
    "segue.sample": {"segue.features"},
}
LONGEST_FILE, LONGEST_FUNCTION = 350, 50
MODULES = [
    pytest.param(package, path, id=f"{package}.{path.stem}")
    for package, folder in FOLDERS.items()
    for path in sorted(folder.glob("*.py"))
]


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floor_of(module: str) -> str | None:
    floors = [f for f in FOLDERS if f != "segue" and (module == f or module.startswith(f + "."))]
    if floors:
        return floors[0]
    facade = {p.stem for p in FOLDERS["segue"].glob("*.py")} - {"__init__"}
    parts = module.split(".")
    return "segue" if parts[0] == "segue" and len(parts) > 1 and parts[1] in facade else None


@pytest.mark.parametrize(("package", "path"), MODULES)
def test_imports_point_down(package: str, path: Path) -> None:
    floors = {floor_of(name) for name in imported(ast.parse(path.read_text()))} - {None, package}
    assert floors <= MAY_IMPORT[package], f"{path} may not import {floors - MAY_IMPORT[package]}"


@pytest.mark.parametrize(("package", "path"), MODULES)
def test_only_tracking_imports_mlflow(package: str, path: Path) -> None:
    if (package, path.stem) != ("segue.experiments", "tracking"):
        assert not {n for n in imported(ast.parse(path.read_text())) if n.split(".")[0] == "mlflow"}


@pytest.mark.parametrize(("package", "path"), MODULES)
def test_files_and_functions_stay_small(package: str, path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= LONGEST_FILE, f"{path} has {text.count(chr(10))} lines: split it by idea"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            length -= (ast.get_docstring(node) or "").count("\n")
            assert length <= LONGEST_FUNCTION, f"{path}:{node.lineno} {node.name} has {length} lines"


def test_importing_segue_and_recommend_is_light() -> None:
    code = "import sys, segue; segue.recommend; print({'mlflow', 'matplotlib', 'fastapi'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
