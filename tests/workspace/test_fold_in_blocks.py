"""Stored events folded many learners at once: the bytes of one event after the other, whatever the events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from segue.workspace.records import learner_states as states
from segue.workspace.records.learners import every_learner, find_learners

School = Any  # the class in conftest.py


def told(school: School, seed: int, learners: int = 12) -> pd.DataFrame:
    """Return events of every kind, some equal in time, some without resource or time, some corrected."""
    rng = np.random.default_rng(seed)
    catalogue = school.space.catalogue()
    n = 400
    kind = rng.choice(["attempt", "attempt", "attempt", "view", "completion", "rating"], n)
    frame = pd.DataFrame(
        {
            "event_id": [f"{seed}-{i}" for i in range(n)],
            "learner": [f"pupil-{i:03d}" for i in rng.integers(0, learners, n)],
            "kind": kind,
            "resource": rng.choice([r.resource_id for r in catalogue.resources[:30]], n),
            "score": np.where(np.isin(kind, ["attempt", "rating"]), rng.choice([0.0, 0.3, 1.0], n), np.nan),
            "time": pd.Timestamp("2026-11-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 200, n), unit="h"),
            "completed": rng.choice([0.0, 1.0, np.nan], n),
            "tags": np.where(rng.random(n) < 0.1, rng.choice(list(catalogue.tag_ids), n), ""),
            "supersedes": "",
            "voids": "",
        }
    ).astype({"time": "str"})
    for column, row in (("voids", 390), ("supersedes", 395)):
        same = frame.index[(frame["learner"] == frame["learner"][row]) & (frame.index < row)]
        frame.loc[row, column] = frame["event_id"][same[0]]
    return frame


@pytest.mark.parametrize("seed", range(3))
def test_blocks_give_the_bytes_of_one_after_the_other(
    school: School, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = told(school, seed)
    for piece in (frame.iloc[:250], frame.iloc[250:]):
        weight = np.where(piece.index % 3 == 0, 0.4, np.nan)  # no score of others is uncertain
        school.space.add_events(school.checked(piece).assign(weight=weight))
        with school.space.store.read() as connection:
            fold = school.space.champion(connection).fold
            numbers = [person.number for person in every_learner(connection)]
            found = []
            for few in (4, 10_000):
                monkeypatch.setattr(states, "FEW", few)
                found.append(states.columns_of(states.current(connection, numbers, fold)[1], fold))
        assert len(found[0]["body"]) >= 10
        assert found[0] == {name: sorted_as(found[1], cells, found[0]) for name, cells in found[1].items()}
        with school.space.store.write() as connection:
            states.save_columns(connection, found[0])


def sorted_as(columns: dict[str, list[Any]], cells: list[Any], other: dict[str, list[Any]]) -> list[Any]:
    """Return cells in the order of the other's learners."""
    place = {number: i for i, number in enumerate(columns["learner"])}
    return [cells[place[number]] for number in other["learner"]]


def test_what_was_left_unfinished_reveals_no_interest(school: School) -> None:
    made = next(r for r in school.space.catalogue().resources if r.tags)
    frame = pd.DataFrame(
        {
            "event_id": ["v1", "v2", "v3"],
            "learner": ["left", "looked", "finished"],
            "kind": ["view", "view", "completion"],
            "resource": made.resource_id,
            "time": "2026-11-02T09:00:00Z",
            "completed": [0.0, np.nan, 1.0],
        }
    )
    school.space.add_events(school.checked(frame))
    with school.space.store.read() as connection:
        fold = school.space.champion(connection).fold
        people = find_learners(connection, school.space.keyring, frame["learner"].tolist())
        known, _ = states.current(connection, [one.number for one in people.values()], fold)
    revealed = {name: known[one.number].state.revealed.sum() for name, one in people.items()}
    assert revealed["left"] == 0.0
    assert revealed["looked"] == revealed["finished"] == len(made.tags)
