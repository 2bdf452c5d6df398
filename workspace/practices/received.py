"""What a learner got from teacher and classmates: scores by criterion, feedback, talks, works to review."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from segue.workspace.records.learners import find_learners
from segue.workspace.records.practices.practice_rows import practices_of
from segue.workspace.workspace import Workspace

ReceivedKind = Literal["score", "feedback", "talk", "review"]
KINDS: tuple[ReceivedKind, ...] = ("score", "feedback", "talk", "review")


@dataclass(frozen=True)
class Received:
    """One thing that a learner got.

    Attributes
    ----------
    about : str
        The work, "" for a talk.
    criterion, score, skills
        Of a score: the criterion, the score in [0, 1] (several raters: their mean), and the skills it shows.
    """

    kind: ReceivedKind
    about: str
    time: datetime
    criterion: str = ""
    score: float = 0.0
    skills: tuple[str, ...] = ()


def received_of(workspace: Workspace, learner: str) -> list[Received]:
    """Return what a learner got, the newest first; of reviews, the works that are the learner's to review."""
    with workspace.store.read() as connection:
        person = find_learners(connection, workspace.keyring, [learner]).get(learner)
        if person is None or person.opted_out:
            return []
        rows = practices_of(connection, [person.number], KINDS)
        catalogue = workspace.catalogue_in(connection)
    scores: dict[tuple[str, str], dict[str, float]] = {}  # of each rater the last word
    out: dict[tuple[str, ...], Received] = {}
    for row in rows:
        criterion = str(row.body.get("criterion", ""))
        if row.kind == "review" and row.body.get("side") != "reviewer":
            continue
        found = Received(cast(ReceivedKind, row.kind), row.about, row.time)
        if row.kind == "score":
            given = scores.setdefault((row.about, criterion), {})
            given[row.given_by] = float(row.body["score"])
            at = catalogue.resource_index.get(str(row.body.get("resource", "")))
            skills = () if at is None else catalogue.resources[at].skills
            mean = sum(given.values()) / len(given)
            found = Received("score", row.about, row.time, criterion, mean, skills)
        act = row.act if row.kind == "review" else "" if row.kind == "score" else row.time.isoformat()
        out[row.kind, row.about, criterion, act] = found
    return sorted(out.values(), key=lambda one: one.time, reverse=True)
