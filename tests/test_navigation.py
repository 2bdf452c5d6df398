"""An editor finds its way through the linked folders: to the definition of a name, and to its uses."""

from __future__ import annotations

from pathlib import Path

import pytest

jedi = pytest.importorskip("jedi", reason="jedi comes with the notebooks' kernel")
ROOT = Path(__file__).resolve().parents[1]
USE = ROOT / "engine" / "pipeline.py"


def place_of(path: Path, text: str) -> tuple[int, int]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if text in line:
            return number, line.index(text) + len(text) - 1
    raise AssertionError(f"{path} does not say {text!r}")


def project() -> object:
    return jedi.Project(ROOT, added_sys_path=[str(ROOT / "src")], smart_sys_path=False)


def test_go_to_definition_leads_to_the_file_in_its_folder() -> None:
    line, column = place_of(USE, "policies.base import Policy")
    found = jedi.Script(path=USE, project=project()).goto(line, column, follow_imports=True)
    assert [d.full_name for d in found] == ["segue.engine.policies.base.Policy"]
    assert found[0].module_path.resolve() == ROOT / "engine" / "policies" / "base.py"


def test_find_references_names_the_policies_that_extend_it() -> None:
    base = ROOT / "src" / "segue" / "engine" / "policies" / "base.py"
    line, column = place_of(base, "class Policy")
    found = jedi.Script(path=base, project=project()).get_references(line, column)
    used_in = {r.module_path.resolve().relative_to(ROOT).as_posix() for r in found}
    assert {"engine/policies/softmax.py", "engine/policies/greedy.py", "engine/pipeline.py"} <= used_in
