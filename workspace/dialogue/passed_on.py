"""What a classmate suggested and the teacher passed on: no names, and few at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from segue.engine.rules.sequence_rules import STEP_RULES
from segue.workspace.records.learners import class_surrogates, find_learners
from segue.workspace.records.practices.practice_rows import PracticeRow, append_practices, practices_of
from segue.workspace.records.rosters.enrolments import has_left
from segue.workspace.records.statements import Statement, find_statement, standing_of, statements_of
from segue.workspace.storage.database import Connection
from segue.workspace.workspace import Workspace

SHOWN_DAYS, MOST_SHOWN = 14, 2
OF_LISTS = {rule.name for rule in STEP_RULES}  # they say what may come first in a list


@dataclass(frozen=True)
class PassedOn:
    """A resource that a classmate suggested, and when the teacher passed it on; nobody is named."""

    resource: str
    time: datetime


def pass_on(
    workspace: Workspace,
    connection: Connection,
    asked: Statement,
    answer: Statement,
    classmates: Sequence[str],
    *,
    class_id: str,
) -> int:
    """Keep, within a write, that a suggestion goes to classmates whom the store knows; return to how many."""
    inside = class_surrogates(connection, workspace.keyring, [class_id], create=True) if class_id else {}
    place = inside.get(class_id, "")
    people = find_learners(connection, workspace.keyring, list(classmates)).values()
    rows = [
        PracticeRow(number, place, "suggestion", asked.about, answer.statement_id, answer.time)
        for number in {one.number for one in people if not one.opted_out} - {asked.learner}
    ]
    return append_practices(connection, sorted(rows, key=lambda row: row.learner))


def suggested_to(workspace: Workspace, learner: str, *, now: datetime) -> list[PassedOn]:
    """Return what classmates suggest to a learner now, the newest first, at most `MOST_SHOWN`.

    Only what may be drawn for this learner as it is: nothing gated opens by it, nor comes again what is
    mastered or was just done, nor what a teacher took out. It goes when the teacher takes the answer back,
    when the learner leaves the class, and after a fortnight.
    """
    with workspace.store.read() as connection:
        person = find_learners(connection, workspace.keyring, [learner]).get(learner)
        if person is None or person.opted_out:
            return []
        rows = practices_of(connection, [person.number], ("suggestion",))
        recent = {row.about: row for row in rows if now - timedelta(days=SHOWN_DAYS) <= row.time <= now}
        standing = [
            row
            for row in recent.values()
            if _stands(connection, row.act) and not has_left(connection, row.class_id, person.number, at=now)
        ]
    if not standing:
        return []
    champion, asking = workspace.asking([learner], now=now)
    recommender, request = champion.recommender, replace(asking[learner].record, pins=())
    places = recommender.catalogue.resource_index
    found = [
        PassedOn(row.about, row.time)
        for row in sorted(standing, key=lambda row: row.time, reverse=True)
        if row.about in places and OF_LISTS.issuperset(recommender.why_not(request, row.about).rules)
    ]
    return found[:MOST_SHOWN]


def _stands(connection: Connection, answer_id: str) -> bool:
    """Return whether the answer that passed something on was not taken back."""
    answer = find_statement(connection, answer_id)
    if answer is None:
        return False
    said = standing_of(statements_of(connection, [answer.learner], ("answer", "undo")))
    return answer_id in {one.statement_id for one in said}
