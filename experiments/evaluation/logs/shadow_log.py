"""Shadow mode over a store: what a challenger would have done at the decisions logged there. Read only.

A log keeps no questions, but the id of a playlist is a digest of its question, history and model. So the
shapes of question that were asked are tried, and the one that gives the very id is the one that was asked.
The challenger reads the events that were there at the time, folded with its own parameters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from segue.engine.recommender import Recommender
from segue.engine.requests.request import Request
from segue.experiments.evaluation.logs.shadow_policy import LoggedStep, follow
from segue.features.history.learner_state import LearnerState
from segue.features.iso_weeks import start_of
from segue.workspace.records.decision_log import Draw, playlist_id
from segue.workspace.records.decision_queries import heads_since, steps_of
from segue.workspace.records.learner_states import Fold, events_of, openings_of
from segue.workspace.records.rosters.enrolments import courses_of
from segue.workspace.reports.frames import decision_frame
from segue.workspace.storage.database import Connection, Row
from segue.workspace.storage.pseudonyms import Keyring
from segue.workspace.workspace import Workspace

MOST_COURSES = 2  # of a learner by a roster that was given and is not stored: so many are tried


def shadow_frame(
    workspace: Workspace, challenger: Recommender, *, questions: Sequence[Request], since: str = ""
) -> pd.DataFrame:
    """Return all logged decisions (see `decision_frame`) with a column `target`.

    `target` is the challenger's probability of what was logged, given the steps before. It is NaN where a
    teacher decided, and where none of `questions` is what was asked.

    Parameters
    ----------
    questions : sequence of Request
        The shapes of what was asked, as the plan of a week makes them; learner, time and state are filled
        in.
    since : str
        First ISO week to look at, as 2026-W48; default: all.

    Raises
    ------
    ValueError
        If `since` is no ISO week.
    """
    if since:
        start_of(since, workspace.time_zone)
    with workspace.store.read() as connection:
        frame = decision_frame(connection)
        frame = frame[frame["week"] >= since].reset_index(drop=True)
        chances: dict[str, float] = {}
        courses, keyring = workspace.catalogue_in(connection).courses, workspace.keyring
        back = _LookingBack(connection, challenger, tuple(questions), workspace.time_zone, courses, keyring)
        for head in heads_since(connection, since):
            chances |= back.chances(head)
    return frame.assign(target=frame["decision_id"].map(chances).astype(np.float64))


@dataclass(frozen=True)
class _LookingBack:
    connection: Connection
    challenger: Recommender
    questions: tuple[Request, ...]
    time_zone: str
    courses: tuple[str, ...]
    keyring: Keyring

    def chances(self, head: Row) -> dict[str, float]:
        """Return the challenger's probability of each decision of a playlist; nothing if asked otherwise."""
        request = next((r for r in self._asked(head) if _is_asked(head, r)), None)
        if request is None:
            return {}
        rows = steps_of(self.connection, head.playlist_id)
        request = replace(request, state=self._state(head.learner, head.upto))
        found = follow(self.challenger, request, [_step(row) for row in rows])
        return dict(zip([row.decision_id for row in rows], found.target.tolist(), strict=True))

    def _asked(self, head: Row) -> Iterator[Request]:
        """Yield what may have been asked: times are the same in any zone, but their text is not."""
        moment = datetime.fromtimestamp(head.time / 1e6, UTC)
        for question in self.questions:
            for zone in (UTC, ZoneInfo(self.time_zone)):
                asked = replace(question, learner=str(head.learner), now=moment.astimezone(zone), state=None)
                for taken in self._taken(head.learner, moment):
                    yield replace(asked, courses=taken)

    def _taken(self, learner: int, moment: datetime) -> Iterator[tuple[str, ...] | None]:
        """Yield the courses that a list may be for: the store's, few that a roster gave, none known."""
        if self.courses:
            found = courses_of(self.connection, self.keyring, self.courses, [learner], at=moment)
            yield found.get(learner)
            yield from (some for n in range(MOST_COURSES + 1) for some in combinations(self.courses, n))
        yield None

    def _state(self, learner: int, upto: int) -> LearnerState:
        """Return what the challenger would have known of a learner after the event numbered `upto`."""
        fold = Fold(self.challenger.catalogue, self.challenger.kernel.parameters)
        opening = openings_of(self.connection, [learner], fold).get(learner) or fold.fresh()
        known = [row for row in events_of(self.connection, learner) if row.number <= upto]
        return fold.after(opening, known).state


def _is_asked(head: Row, request: Request) -> bool:
    """Return whether a playlist answers this question."""
    draw = Draw(head.seed, head.purpose, head.week, head.learner, head.request_no)
    return bool(playlist_id(draw, request, upto=head.upto, model_hash=head.model_hash) == head.playlist_id)


def _step(row: Row) -> LoggedStep:
    offered = json.loads(row.menu).get("offered", ())
    return LoggedStep(row.resource, tuple(offered), json.loads(row.override) or None)
