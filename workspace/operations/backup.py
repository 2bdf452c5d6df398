"""A copy of a workspace while it runs: what comes out is a workspace itself, on SQLite, without the key."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from segue.workspace.records.maintenance.whole_store import copied
from segue.workspace.storage.configuration import FILE, open_store
from segue.workspace.storage.database import Store
from segue.workspace.storage.errors import WorkspaceError
from segue.workspace.storage.flushing import flush, flush_one
from segue.workspace.workspace import Workspace

PLATFORMS = Path("lti", "platforms.json")


def backup(workspace: Workspace, target: Path) -> dict[str, int]:
    """Copy a workspace to a new folder, as of one moment, and return the rows of each table.

    The rows come from one snapshot, so writers go on meanwhile. The folder gets its name last: a copy that
    was cut off is not there, and the next one clears what it left. The key is not copied: keep it elsewhere.
    Of LTI the registered LMSs are, and the keys that sign are not: a service makes new ones.

    Raises
    ------
    WorkspaceError
        When the folder is there already.
    """
    if target.exists():
        raise WorkspaceError(f"{target} is there already: choose a new folder")
    draft = target.with_name(f"{target.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    configuration = replace(workspace.configuration, database="", durability="normal")
    copy = open_store(draft, configuration, Store)
    with workspace.store.read() as connection:
        with copy.write() as writing:
            counts = copied(connection, writing)
        shutil.copytree(workspace.models, draft / "models", ignore=shutil.ignore_patterns("*.new"))
    copy.close()
    if (workspace.path / PLATFORMS).exists():
        (draft / PLATFORMS).parent.mkdir()
        shutil.copy(workspace.path / PLATFORMS, draft / PLATFORMS)
    configuration = replace(configuration, durability=workspace.configuration.durability)
    (draft / FILE).write_text(json.dumps(asdict(configuration), indent=1), encoding="utf-8")
    flush(draft)
    draft.rename(target)
    flush_one(target.parent)
    return counts
