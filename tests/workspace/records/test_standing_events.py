"""What a fit reads of a store: the events that stand, without opt-outs, as all of the store's events say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from segue.features.contexts.population import kind_rates, offers
from segue.features.history.attempts import encode
from segue.workspace.privacy.learner_rights import opt_out
from segue.workspace.records import events as records
from segue.workspace.records.events import last_number, read_events, standing_events

School = Any  # the class in conftest.py


def test_a_fit_reads_what_all_events_say(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "READ_ROWS", 50)  # in several parts
    frame = school.study()
    last = frame[frame["kind"] == "attempt"].iloc[-3:]
    again = last.assign(event_id="again-" + last["event_id"])
    school.space.add_events(again.iloc[:2].assign(supersedes=last["event_id"].iloc[:2], score=0.25))
    school.space.add_events(
        again.iloc[2:].assign(kind="other", score=np.nan, voids=last["event_id"].iloc[2:])
    )
    opt_out(school.space, "pupil-001", out=True)
    catalogue = school.space.catalogue()
    with school.space.store.read() as connection:
        everything, standing = read_events(connection), standing_events(connection, last_number(connection))
    (expected, learners), (found, known) = encode(everything, catalogue), encode(standing, catalogue)
    assert known == learners
    assert len(known) == len(school.roster) - 1
    for name in ("learner", "resource", "score", "time", "seq"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    one, two = (kind_rates(*offers(events, catalogue)[1:], catalogue) for events in (everything, standing))
    assert np.array_equal(one, two)
