"""What a class did together, a row for each learner in it, appended once and never changed.

No row names another learner: who worked together shares the id in `act`, so that an erasure of one learner
leaves the rows of the others whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, select

from segue.workspace.records.learners import where_in
from segue.workspace.storage.database import take_numbers
from segue.workspace.storage.schema import practices

PracticeKind = Literal["group", "place", "review", "score", "talk", "feedback", "suggestion", "undo"]


@dataclass(frozen=True)
class PracticeRow:
    """One learner's part in something that the class did.

    Attributes
    ----------
    class_id : str
        The class's id inside the store.
    about : str
        The project (group), the resource (place, suggestion), or the work (review, score, feedback); "" for a
        talk.
    act : str
        Shared by those who were in it together: a group, a pair of a review, the draw of a slot, the answer
        that passed a suggestion on; of an undo the row that it takes back.
    body : mapping
        The role in a group or a review; the slot, `probability` and whether it was `taken` of a place;
        `criterion` and `score` of a score; `minutes` of a talk.
    given_by : str
        Keyed digest of a teacher's or a rater's id; "" when nobody in particular.
    """

    learner: int
    class_id: str
    kind: PracticeKind
    about: str
    act: str
    time: datetime
    body: Mapping[str, Any] = field(default_factory=dict)
    given_by: str = ""


def append_practices(connection: Connection, rows: Sequence[PracticeRow]) -> int:
    """Write rows within a write and return how many are new; a row that is there already is left alone.

    Another score by the same rater is another row, at the same microsecond too: the last one written counts.
    """
    named = {_name(row): row for row in rows}
    there = where_in(connection, select(practices.c.row_id), practices.c.row_id, named)
    for known in [row.row_id for row in there]:
        del named[known]
    if named:
        first = take_numbers(connection, "practices", len(named))
        values = [
            vars(row)
            | {
                "row_id": name,
                "number": first + at,
                "body": json.dumps(dict(row.body), ensure_ascii=False, sort_keys=True),
                "time": round(row.time.timestamp() * 1e6),
            }
            for at, (name, row) in enumerate(named.items())
        ]
        connection.execute(practices.insert(), values)
    return len(named)


def practices_of(
    connection: Connection, learners: Collection[int], kinds: Iterable[PracticeKind]
) -> list[PracticeRow]:
    """Return what some learners had a part in and nobody took back, oldest first."""
    return [_practice(row) for row in _split(connection, learners, kinds)[0]]


def take_back(
    connection: Connection,
    learner: int,
    kinds: Iterable[PracticeKind],
    *,
    at: datetime,
    by: str,
    now: datetime,
) -> bool:
    """Take back what was noted of a learner at a moment by `by`; said again it changes nothing.

    Returns False where nothing of these kinds was ever noted so.
    """
    micros = round(at.timestamp() * 1e6)
    standing, taken = (
        [row for row in rows if row.time == micros and row.given_by == by]
        for rows in _split(connection, [learner], kinds)
    )
    undone = [
        PracticeRow(learner, row.class_id, "undo", "", row.row_id, now, given_by=by) for row in standing
    ]
    append_practices(connection, undone)
    return bool(standing or taken)


def _split(
    connection: Connection, learners: Collection[int], kinds: Iterable[PracticeKind]
) -> tuple[list[Row[Any]], list[Row[Any]]]:
    """Return the rows that stand, oldest first, and those that were taken back."""
    query = select(practices).where(practices.c.kind.in_((*kinds, "undo")))
    found = sorted(
        where_in(connection, query, practices.c.learner, set(learners)), key=lambda row: int(row.number)
    )
    undone = {row.act for row in found if row.kind == "undo"}
    rows = [row for row in found if row.kind != "undo"]
    standing = [row for row in rows if row.row_id not in undone]
    return standing, [row for row in rows if row.row_id in undone]


def _name(row: PracticeRow) -> str:
    micros = round(row.time.timestamp() * 1e6)
    parts = (row.learner, row.class_id, row.kind, row.about, row.act, row.given_by, micros)
    score = [row.body["score"]] if row.kind == "score" else []
    text = json.dumps([*parts, row.body.get("criterion", ""), *score])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _practice(row: Row[Any]) -> PracticeRow:
    time, body = datetime.fromtimestamp(row.time / 1e6, UTC), json.loads(row.body)
    cells = {name: row._mapping[name] for name in PracticeRow.__dataclass_fields__}
    return PracticeRow(**(cells | {"time": time, "body": body}))
