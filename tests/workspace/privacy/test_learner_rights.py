"""Rights and retention on both databases: exact erasure, exact balances, keys that turn, copies that open."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from segue import sample
from segue.batch.rebuild import rebuild
from segue.engine.requests.request import Request
from segue.workspace.operations import integrity as doctor
from segue.workspace.operations.backup import backup
from segue.workspace.privacy import learner_rights as privacy
from segue.workspace.privacy.retention import purge
from segue.workspace.records.learners import find_learners
from segue.workspace.sources import model_registry as champion
from segue.workspace.storage import schema
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.errors import WorkspaceError
from segue.workspace.storage.pseudonyms import KeyMissingError, Keyring
from segue.workspace.workspace import Workspace

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
LATER = MONDAY + timedelta(days=7)
KEY = "11" * 32
School = Any  # the class in conftest.py


def everything(space: Workspace) -> str:
    """Return the whole database as text."""
    with space.store.read() as connection:
        rows = [tuple(row) for t in schema.metadata.sorted_tables for row in connection.execute(select(t))]
    return repr(rows)


def test_export_holds_one_learner_and_no_other(school: School) -> None:
    school.study()
    school.space.learn(now=LATER)
    found = privacy.export(school.space, "pupil-001")
    assert found["learner"] == "pupil-001"
    assert len(found["decisions"]) == 6
    assert found["events"]
    text = json.dumps(found)
    with school.space.store.read() as connection:
        for row in connection.execute(select(schema.learners)):
            assert row.surrogate not in text
    with pytest.raises(WorkspaceError, match="nothing is stored of this learner"):
        privacy.export(school.space, "a stranger")


def test_erasure_is_exact(school: School) -> None:
    school.study()
    school.space.learn(now=LATER)
    count = school.count("events")
    done = privacy.erase(school.space, "pupil-003", now=LATER)
    assert done.rows["events"] == count - school.count("events") > 0
    assert done.rows["decisions"] == 6
    assert done.difference == 0.0
    with school.space.store.read() as connection:
        fitted = school.space.champion(connection).fitted
        sums, again = champion.load_sums(connection), champion.counted(connection, fitted.schema_hash)
    assert np.array_equal(sums.A, again.A)
    assert fitted.model_hash == done.model
    assert school.well()


def test_an_erased_learner_is_not_in_any_file(tmp_path: Path) -> None:
    """Not in the database's free pages, nor in its write-ahead log, while it is open."""
    space = Workspace.init(tmp_path / "school", environment={"SEGUE_KEY": KEY}, configuration=Configuration())
    space.set_catalogue(sample.load())
    space.fit(now=MONDAY)
    learners = [f"pupil-{n}" for n in range(12)]
    for who in learners:
        for mode in ("playlist", "next"):
            space.recommend(Request(who, MONDAY, mode=mode, k=3))
    with space.store.read() as connection:
        person = find_learners(connection, space.keyring, ["pupil-7"])["pupil-7"]
        gone = connection.execute(
            select(schema.decisions.c.decision_id).where(schema.decisions.c.learner == person.number)
        ).scalars()
        traces = [person.surrogate.encode(), *(found.encode() for found in gone)]
        stays = find_learners(connection, space.keyring, ["pupil-8"])["pupil-8"].surrogate.encode()
    assert all(found in on_disk(tmp_path) for found in (*traces, stays))
    said = privacy.erase(space, "pupil-7", now=MONDAY)
    left = on_disk(tmp_path)
    assert not [trace for trace in traces if trace in left]
    assert stays in left
    assert "overwritten" in said.disk
    assert any("backups" in what for what in said.not_removed)
    space.close()


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_the_refit_equals_one_that_never_saw_the_learner(school: School, tmp_path: Path) -> None:
    privacy.erase(school.space, "pupil-003", now=MONDAY)
    configuration = school.space.configuration
    other = Workspace.init(
        tmp_path / "other",
        environment={"SEGUE_KEY": KEY},
        configuration=type(configuration)(time_zone=configuration.time_zone),
    )
    other.set_catalogue(school.space.catalogue())
    events = school.checked(school.room.events)
    other.add_events(events[events["learner"] != "pupil-003"])
    fresh = other.fit(now=MONDAY)
    other.close()
    mine = school.space.known([])[0].fitted
    np.testing.assert_allclose(mine.kernel.success.weights, fresh.kernel.success.weights, atol=1e-8)
    np.testing.assert_allclose(
        mine.kernel.parameters.item_logit, fresh.kernel.parameters.item_logit, atol=1e-8
    )
    assert mine.kernel.learned is not None
    assert fresh.kernel.learned is not None
    np.testing.assert_allclose(mine.kernel.learned.model.A, fresh.kernel.learned.model.A, atol=1e-8)


def test_a_tombstone_keeps_the_learner_away(school: School) -> None:
    events = school.checked(school.room.events)
    count = school.count("events")
    gone = privacy.erase(school.space, "pupil-003", now=MONDAY).rows["events"]
    back = school.space.add_events(events)
    assert (back.added, back.erased) == (0, gone)
    assert school.count("events") == count - gone
    with pytest.raises(WorkspaceError, match="was erased"):
        school.space.recommend(Request("pupil-003", MONDAY))


def test_an_erasure_that_is_cut_off_is_finished(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    before = school.space.known([])[0].fitted.model_hash
    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "fit", cut_off)
        with pytest.raises(KeyboardInterrupt):
            privacy.erase(school.space, "pupil-003", now=MONDAY)
    assert privacy.finish_erasures(school.space, now=MONDAY)
    assert not privacy.finish_erasures(school.space, now=MONDAY)
    assert school.space.known([])[0].fitted.model_hash != before
    assert not (school.space.models / before).exists()


def test_a_purge_moves_no_fold_by_a_bit(school: School) -> None:
    school.study()
    school.space.learn(now=LATER)
    school.decide(LATER)
    with school.space.store.read() as connection:
        school.space.champion(connection)
    before = {k: v.to_bytes() for k, v in school.space.known(school.roster)[1].items()}
    chosen = [
        g.playlist.steps for g in school.space.recommend_many([Request(n, LATER) for n in school.roster])
    ]
    done = purge(school.space, before=MONDAY - timedelta(days=3))
    assert done.events > 0
    with school.space.store.write() as connection:
        connection.execute(schema.states.delete())
    after = {k: v.to_bytes() for k, v in school.space.known(school.roster)[1].items()}
    assert after == before
    again = school.space.recommend_many([Request(n, LATER) for n in school.roster])
    assert [g.playlist.steps for g in again] == chosen
    assert school.well()
    digest = school.digest()
    rebuild(school.space)
    assert school.digest() == digest


def test_purged_rewards_stay_in_the_sums(school: School) -> None:
    school.study()
    school.space.learn(now=MONDAY + timedelta(days=60))
    with school.space.store.read() as connection:
        before = champion.load_sums(connection)
    assert before.n > 0
    done = purge(school.space, before=MONDAY + timedelta(days=50))
    assert done.decisions == 6 * len(school.roster)
    assert school.count("rewards") == 0
    assert school.well()
    school.space.fit(now=MONDAY + timedelta(days=60))
    with school.space.store.read() as connection:
        after = champion.load_sums(connection)
    assert np.array_equal(before.A, after.A)
    assert np.array_equal(before.b, after.b)


def test_who_opts_out_gets_the_class_default_and_leaves_no_trace(school: School) -> None:
    privacy.opt_out(school.space, "pupil-001", out=True)
    stranger = school.space.recommend(Request("a stranger", MONDAY, k=3))
    default = school.space.recommend(Request("pupil-001", MONDAY, k=3))
    assert default.playlist.steps[0].context["evidence"] == 0.0
    assert stranger.playlist.steps[0].context["evidence"] == 0.0
    events = school.checked(school.room.events)
    mine = events[events["learner"] == "pupil-001"].assign(event_id=lambda f: "again-" + f["event_id"])
    assert school.space.add_events(mine).opted_out == len(mine)
    assert school.count("events") == len(events)
    privacy.opt_out(school.space, "pupil-001", out=False)
    assert school.space.profile("pupil-001", now=MONDAY).attempts > 0


def test_a_key_turns_and_learners_stay_who_they_are(school: School, tmp_path: Path) -> None:
    ring = Keyring((bytes.fromhex(KEY),))
    school.study()
    before, attempts = everything(school.space), school.space.profile("pupil-001", now=MONDAY).attempts
    rotated = ring.rotated(b"z" * 32)
    both = {"SEGUE_KEY": ",".join(key.hex() for key in rotated.keys)}
    turned = Workspace.open(school.space.path, environment=both)
    assert ring.digest("learner", "pupil-001").hex() not in everything(turned)
    assert everything(turned) != before
    assert turned.profile("pupil-001", now=MONDAY).attempts == attempts
    assert turned.add_events(school.checked(school.room.events)).added == 0
    turned.close()
    with pytest.raises(KeyMissingError, match="this is not the key"):
        Workspace.open(school.space.path, environment={"SEGUE_KEY": KEY})


def test_a_backup_is_a_workspace(school: School, tmp_path: Path) -> None:
    school.study()
    school.space.learn(now=LATER)
    backup(school.space, tmp_path / "copy")
    copy = Workspace.open(tmp_path / "copy", environment={"SEGUE_KEY": KEY})
    assert doctor.digest(copy) == school.digest()
    assert copy.recommend(Request("pupil-001", LATER)).decision_ids
    copy.close()
    with pytest.raises(WorkspaceError, match="is there already"):
        backup(school.space, tmp_path / "copy")
