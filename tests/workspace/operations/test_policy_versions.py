"""A policy version is a checked file; a dry run says which lists it changes; a fit goes on with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from segue.cli.main import app
from segue.engine.policies import EpsilonGreedy, Greedy
from segue.engine.policies.policy_version import PolicyVersion, policy_from, read_policy
from segue.engine.requests.request import Request
from segue.workspace.operations.policy_versions import (
    put_in_force,
    version_diff,
    version_history,
    version_in_force,
)
from segue.workspace.playlists.answering import Ask
from segue.workspace.records.taught_effects import count_anew, counted_since
from segue.workspace.sources.model_registry import current_fit
from segue.workspace.workspace import Workspace

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)
School = Any  # the class in conftest.py


def lists(space: Workspace, learners: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Draw and log the week's lists as the weekly surface does."""
    ask = Ask(surface="weekly", week="2026-W49")
    given = space.recommend_many([Request(one, NOW, k=6) for one in learners], ask=ask)
    return {
        who: tuple(s.resource for s in one.playlist.steps) for who, one in zip(learners, given, strict=True)
    }


def test_the_predicted_share_of_changed_lists_is_the_real_one(school: School) -> None:
    space = school.space
    before = version_in_force(space)
    after = policy_from({**before.to_dict(), "limits": {"per_skill": 1}})
    told = version_diff(space, before, after, now=NOW, week="2026-W49", k=6, learners=school.roster)
    assert told.settings == {"limits.per_skill": (3, 1)}
    real_before = lists(space, school.roster)
    put_in_force(space, after, by="head", now=NOW, reason="more variety")
    real_after = lists(space, school.roster)
    changed = {
        who: (real_before[who], real_after[who])
        for who in school.roster
        if real_before[who] != real_after[who]
    }
    assert told.changed == changed
    assert 0 < told.share == len(changed) / len(school.roster)


def test_what_was_counted_since_the_fit_stays_with_the_model(school: School) -> None:
    space = school.space
    school.study(NOW)
    with space.store.write() as connection:
        fit_hash = current_fit(connection)
        assert fit_hash is not None
        fitted = space.champion(connection).fitted
        count_anew(connection, fit_hash, fitted)
        before = counted_since(connection, fit_hash, fitted)
    assert before.sums is not None
    after = version_in_force(space).drafted({"limits": {"per_skill": 1}})
    put_in_force(space, after, by="head", now=NOW)
    with space.store.read() as connection:
        now_in_charge = current_fit(connection)
        assert now_in_charge not in (None, fit_hash)
        stays = counted_since(connection, now_in_charge or "", space.champion(connection).fitted)
    assert stays.upto == before.upto
    assert stays.sums is not None
    for name, values in before.sums.to_arrays().items():
        assert np.array_equal(stays.sums.to_arrays()[name], values)


def test_a_week_must_be_one(school: School) -> None:
    version = version_in_force(school.space)
    with pytest.raises(ValueError, match="an ISO week"):
        version_diff(school.space, version, version, now=NOW, week="49", learners=school.roster)


OWN_POLICY = """
from dataclasses import dataclass
from segue.engine.policies import Policy

@dataclass(frozen=True)
class Best(Policy):
    wrong: bool = False

    def weigh(self, choice):
        best = choice.values == choice.top
        choice.values[...] = 1.0 / best.size if self.wrong else best / best.sum(axis=-1, keepdims=True)
        return choice.values
"""


def test_a_first_fit_takes_a_policy_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "own_of_school.py").write_text(OWN_POLICY)
    for name, said in (("own", {"name": "own_of_school:Best"}), ("plain", {"name": "Greedy"})):
        version = {"policy": said, "limits": {"per_skill": 1}}
        (tmp_path / f"{name}.json").write_text(json.dumps(version))
    school, own, plain = (str(tmp_path / name) for name in ("school", "own.json", "plain.json"))
    now = ("--now", NOW.isoformat())

    def run(*words: str) -> tuple[str, str]:
        done = CliRunner().invoke(app, [*words])
        return done.output, str(done.exception or "")

    run("init", school)
    (tmp_path / "items.csv").write_text("resource_id,difficulty\nr1,1\nr2,2\nr3,3\nr4,4\n")
    run("import", school, "--catalogue", str(tmp_path / "items.csv"))
    assert "put its folder on PYTHONPATH" in run("fit", school, "--policy", own, *now)[1]
    monkeypatch.syspath_prepend(str(tmp_path / "package"))
    assert "is in charge" in run("fit", school, "--policy", own, *now)[0]
    with Workspace.open(Path(school), environment={}) as space:
        (version,) = version_history(space)
        assert (type(version.version.policy).__name__, version.reason) == ("Best", "fit")
        given = space.recommend(Request("ada", NOW, k=3))
        assert given.playlist.policy == "Best(wrong=False)"
        assert len({step.resource for step in given.playlist.steps}) == 3
        assert version_in_force(space).settings.limits.per_skill == 1
        broken = policy_from(
            {"policy": {"name": "own_of_school:Best", "parameters": {"wrong": True}}}, own=True
        )
        with pytest.raises(ValueError, match=r"Best.weigh gave weight to candidates that are not allowed"):
            space.challenger(now=NOW, policy=broken.policy).recommend(
                Request("ada", NOW, k=3), rng=np.random.default_rng(0)
            )
        space.fit(now=NOW, policy=Greedy())
        space.fit(now=NOW)  # goes on with it, which is no version of its own
        assert [one.version.policy for one in version_history(space)[1:]] == [Greedy()]
        space.fit(now=NOW, policy=version.version.policy)
    monkeypatch.undo()  # as on a machine that lacks the package
    sys.modules.pop("own_of_school")
    assert "segue fit --policy FILE makes another" in run("fit", school, *now)[1]
    assert "is in charge" in run("fit", school, "--policy", plain, *now)[0]
    with Workspace.open(Path(school), environment={}) as space:
        assert type(version_in_force(space).policy).__name__ == "Greedy"


def test_a_version_outlives_a_fit_and_has_a_history(school: School) -> None:
    new = PolicyVersion(EpsilonGreedy(epsilon=0.2))
    space = school.space
    put_in_force(space, new, by="head", now=NOW)
    space.fit(now=NOW + timedelta(days=1))
    assert version_in_force(space).to_dict() == new.to_dict()
    history = version_history(space)
    assert [one.version.id for one in history][-1] == new.id
    assert (history[0].reason, history[-1].by) == ("as it was", "head")
    same = version_diff(space, new, new, now=NOW, k=4)
    assert (same.share, same.settings) == (0.0, {})
    assert same.lists > 0


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"limit": {}}, "no 'limit'"),
        ({"limits": {"per_skil": 2}}, "limits has no 'per_skil'"),
        ({"limits": {"ready": 1.5}}, r"limits.ready must be in \[0, 1\], got 1.5"),
        ({"limits": {"per_skill": 1.5}}, "a whole number"),
        ({"weights": {"zone": "much"}}, "weights.zone must be a number"),
        ({"weights": {"zone": True}}, "weights.zone must be a number"),
        ({"weights": {"zone": float("nan")}}, "weights.zone must be a number"),
        ({"weights": []}, "weights is an object"),
        ({"eta": -0.1}, "eta must be in"),
        ({"policy": {"name": "Softmaks"}}, "unknown policy 'Softmaks'"),
        ({"policy": {"name": "Softmax", "parameters": {"temperature": -1}}}, "temperature"),
        ([], "is an object"),
    ],
)
def test_a_file_that_is_none_is_one_sentence(tmp_path: Path, said: object, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(said))
    with pytest.raises(ValueError, match=message):
        read_policy(path)


def test_a_policy_of_ones_own_is_read_from_files_only() -> None:
    own = {"name": "os:path"}
    for said in (own, {"name": "Exponentiated", "parameters": {"policy": own}}):
        with pytest.raises(ValueError, match="of one's own cannot be named here"):
            policy_from({"policy": said})


def test_by_command(school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_KEY", "11" * 32)

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["policy", *words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    here = str(school.space.path)
    said = json.loads(run("show", here))
    said["limits"]["per_skill"] = 1
    path = tmp_path / "new.json"
    path.write_text(json.dumps(said))
    assert "is valid" in run("check", str(path))
    told = json.loads(
        run(
            "diff",
            "current",
            str(path),
            "--workspace",
            here,
            "--dry-run",
            "--now",
            NOW.isoformat(),
            "-k",
            "6",
            "--json",
        )
    )
    assert told["share"] > 0
    assert told["lists"] == len(school.roster)
    assert "limits.per_skill: 3 -> 1" in run("diff", "current", str(path), "--workspace", here)
    assert "is in force" in run("apply", here, str(path), "--by", "head", "--now", NOW.isoformat())
    assert json.loads(run("show", here))["limits"]["per_skill"] == 1
