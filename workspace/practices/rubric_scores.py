"""Scores by criterion: kept as raters gave them, and accepted as evidence of the criteria's skills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf

import numpy as np
import pandas as pd

from segue.engine.practices.rubrics import attempt_weight, fit_raters
from segue.features.events.event_records import check, identify
from segue.features.events.grade_names import GradeVersion, name_of
from segue.workspace.practices.members import Members, members_of
from segue.workspace.records.corrections import last_grades
from segue.workspace.records.practices.practice_rows import PracticeRow, append_practices, practices_of
from segue.workspace.storage.database import Connection
from segue.workspace.storage.pseudonyms import teacher_pseudonym
from segue.workspace.workspace import Workspace

SAME = 1e-9  # scores that differ by less are one


@dataclass(frozen=True)
class RubricScore:
    """What a rater gave one learner's work on one criterion, in [0, 1]."""

    learner: str
    work: str
    criterion: str
    rater: str
    score: float


@dataclass(frozen=True)
class AcceptedScore:
    """A criterion's score freed of the raters' severity, and its standard error."""

    learner: str
    criterion: str
    score: float
    std: float


def keep_scores(
    workspace: Workspace,
    class_id: str,
    scores: Sequence[RubricScore],
    *,
    now: datetime,
    rubric: Mapping[str, str] | None = None,
) -> int:
    """Store scores, and return how many are new; raters are kept under keyed digests.

    `rubric` names the resource that stands for each criterion, so that a learner can be told what it shows.

    Raises
    ------
    ValueError
        When a score is outside [0, 1], or its criterion is none of the rubric's.
    """
    if rubric and (unknown := [one.criterion for one in scores if one.criterion not in rubric]):
        raise ValueError(f"the rubric has no criterion {unknown[0]!r}, only {', '.join(rubric)}")
    if bad := [one for one in scores if not 0.0 <= one.score <= 1.0]:
        raise ValueError(f"a score must be in [0, 1] (divide levels by the highest), got {bad[0].score:g}")
    with workspace.store.write() as connection:
        names = list(dict.fromkeys(one.learner for one in scores))
        members = members_of(workspace, connection, class_id, names, now=now, create=True)
        rows = []
        for one in scores:
            if one.learner in members.people:
                stands_for = (rubric or {}).get(one.criterion, "")
                body = {"criterion": one.criterion, "score": one.score, "resource": stands_for}
                who = teacher_pseudonym(workspace.keyring, one.rater)
                rows.append(members.row(one.learner, "score", one.work, now, body=body, by=who))
        return append_practices(connection, rows)


def accept_scores(
    workspace: Workspace,
    class_id: str,
    work: str,
    rubric: Mapping[str, str],
    *,
    names: Sequence[str] = (),
    now: datetime,
) -> list[AcceptedScore]:
    """Make a work's scores evidence: an attempt on each criterion's resource.

    Counts of tries grow on its skills alone; forecasts of others follow by the learner's general level.
    Severities are estimated from every score that the learners of the class were given. The score counts as
    an attempt of any other kind does, whatever product it was, but less where raters disagree or are careless
    (``attempt_weight``). Accepting twice stores nothing new; where raters have changed their scores, or more
    have come, the attempt is superseded by one of the same time.

    Parameters
    ----------
    rubric : mapping
        The catalogue's resource that stands for each criterion; its skills are the criterion's.

    Raises
    ------
    ValueError
        When a resource is not in the catalogue.
    """
    known = workspace.catalogue().resource_index
    if missing := [name for name in rubric.values() if name not in known]:
        raise ValueError(f"the catalogue has no resource {missing[0]!r}")
    with workspace.store.read() as connection:
        members = members_of(workspace, connection, class_id, names, now=now)
        accepted = _freed(connection, members, work)
    accepted = [one for one in accepted if one.criterion in rubric]
    if accepted and not names:
        raise ValueError("names must hold the class's ids in the LMS: without them no score becomes evidence")
    before = last_grades(workspace.store, workspace.keyring)([_key(work, one) for one in accepted])
    scores = {key: one.score for key, one in before.items() if one.score is not None}
    new = [one for one in accepted if not abs(scores.get(_key(work, one), inf) - one.score) < SAME]
    if new:
        frame = pd.DataFrame([_event(work, one, rubric, before.get(_key(work, one)), now) for one in new])
        found = check(frame, range(len(frame)), resources=known)
        weights = [attempt_weight(one.score, one.std) for one in new]
        workspace.add_events(identify(found.events).assign(weight=[weights[at] for at in found.lines]))
    return accepted


def _key(work: str, one: AcceptedScore) -> str:
    return f"rubric:{work}:{one.criterion}:{one.learner}"


def _event(
    work: str, one: AcceptedScore, rubric: Mapping[str, str], before: GradeVersion | None, now: datetime
) -> dict[str, object]:
    number = before.number + 1 if before else 1
    return {
        "learner": one.learner,
        "resource": rubric[one.criterion],
        "score": one.score,
        "time": before.time if before else now.isoformat(),
        "event_id": name_of(_key(work, one), number),
        "supersedes": name_of(_key(work, one), number - 1) if before else "",
    }


def _freed(connection: Connection, members: Members, work: str) -> list[AcceptedScore]:
    called = members.called
    given = practices_of(connection, list(called), ("score",))
    last = {(*_product(row), row.given_by): row for row in given}  # of each rater the last word
    rows = list(last.values())
    if not any(row.about == work for row in rows):
        return []
    products = {key: at for at, key in enumerate(dict.fromkeys(map(_product, rows)))}
    raters = {by: at for at, by in enumerate(dict.fromkeys(row.given_by for row in rows))}
    fitted = fit_raters(
        np.array([row.body["score"] for row in rows], dtype=np.float64),
        np.array([products[_product(row)] for row in rows]),
        np.array([raters[row.given_by] for row in rows]),
    )
    return [
        AcceptedScore(
            called[number],
            criterion,
            float(np.clip(fitted.quality[at], 0.0, 1.0)),
            float(fitted.quality_std[at]),
        )
        for (number, about, criterion), at in products.items()
        if about == work
    ]


def _product(row: PracticeRow) -> tuple[int, str, str]:
    return row.learner, row.about, str(row.body["criterion"])
