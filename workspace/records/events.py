"""Events appended once, and read back; every function works within the caller's transaction."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, Row, bindparam, case, func, select

from segue.features.events.event_records import COLUMNS
from segue.workspace.records.corrections import of_others, reach_targets
from segue.workspace.records.learners import (
    Learner,
    add_learners,
    class_surrogates,
    find_learners,
    plain_in,
    still_there,
    where_in,
)
from segue.workspace.storage.database import Store, TwiceError, insert_columns, take_numbers
from segue.workspace.storage.pseudonyms import Keyring
from segue.workspace.storage.schema import events, learners

READ_ROWS = 20_000  # events made columns at once
DID = ("learner", "resource", "time", "step", "kind", "score")
NEVER = np.datetime64("NaT").astype(np.int64)  # as nanoseconds


@dataclass(frozen=True)
class Appended:
    """What became of a batch of events.

    `conflicts` are the places, in the batch, of events whose id was there already with other content;
    `notes` say, by place, what of an event that is stored counts for nothing.
    """

    added: int
    repeats: int
    erased: int
    opted_out: int
    conflicts: tuple[int, ...] = ()
    notes: tuple[tuple[int, str], ...] = ()

    def __add__(self, more: Appended) -> Appended:
        """Return both together."""
        return Appended(*(a + b for a, b in zip(astuple(self), astuple(more), strict=True)))

    def after(self, places: int) -> Appended:
        """Return the same of a batch that stands after so many other events."""
        conflicts = tuple(place + places for place in self.conflicts)
        return replace(self, conflicts=conflicts, notes=tuple((at + places, said) for at, said in self.notes))

    @property
    def said(self) -> list[str]:
        """The notes, each once, with how many events it is about."""
        return [f"{n} rows: {said}" for said, n in Counter(said for _, said in self.notes).items()]


def append_events(
    connection: Connection,
    keyring: Keyring,
    frame: pd.DataFrame,
    *,
    tags: Collection[str] = (),
    people: dict[str, Learner] | None = None,
    likely_new: bool = False,
) -> Appended:
    """Append the events of a checked frame that are not there yet, within a write.

    A column `weight` in (0, 1] says what a score counts beside a certain one (NaN, or no such column: 1).
    Source ids of learners, classes and events become digests or surrogates; stated interests are kept when
    the catalogue has the tag, a step when it is a decision about the learner. Learners erased or opted out
    get nothing.

    `people` remembers from call to call who is behind the source's ids. With `likely_new`, an id that is
    there already is only looked for where the first one is: else it is an error (`TwiceError`), and nothing
    happened.
    """
    digests = keyring.event_digests(frame["event_id"].tolist())
    ids = pd.Series(digests, index=frame.index, dtype=object)
    stored = stored_digests(connection, digests[:1] if likely_new else digests)
    if likely_new and stored:
        stored = stored_digests(connection, digests)
    # Not Series.isin: numpy takes bytes for texts that end at a zero byte.
    repeated = ids.duplicated() | ids.map(stored.__contains__).astype(bool) if stored else ids.duplicated()
    new = _where(frame.assign(event_id=ids), ~repeated)
    found = _people(connection, keyring, new["learner"].unique().tolist(), {} if people is None else people)
    number = new["learner"].map({source: person.number for source, person in found.items()})
    out = new["learner"].isin([source for source, person in found.items() if person.opted_out])
    kept = _where(new.assign(learner=number), number.notna() & ~out)
    strange = _of_nobody(connection, kept)
    strange_tags = [cell for cell in kept["tags"].unique() if not {*tags, ""}.issuperset(cell.split(";"))]
    doubts = {UNLINKED: strange, UNTAGGED: kept["tags"].isin(strange_tags)}
    doubts[UNREACHED] = of_others(connection, keyring, kept)
    if strange.any():
        kept = kept.assign(step=kept["step"].where(~strange, ""))
    if len(kept):
        kept = reach_targets(connection, keyring, kept, frame["event_id"])
        classes = class_surrogates(connection, keyring, kept["class_id"].unique().tolist(), create=True)
        first = take_numbers(connection, "events", len(kept))
        insert_columns(
            connection,
            events,
            _columns(kept, keyring, classes, set(tags)) | {"number": range(first, first + len(kept))},
        )
    conflicts: tuple[int, ...] = ()
    if repeated.any():
        conflicts = conflicting(connection, keyring, frame, tags=tags, ids=digests)
    repeats = int(repeated.sum()) - len(conflicts)
    places = {said: np.flatnonzero(frame.index.isin(rows.index[rows])) for said, rows in doubts.items()}
    notes = tuple((int(at), said) for said, each in places.items() for at in each)
    return Appended(len(kept), repeats, int(number.isna().sum()), int(out.sum()), conflicts, notes)


def append_block(
    store: Store, keyring: Keyring, frame: pd.DataFrame, *, tags: Collection[str], people: dict[str, Learner]
) -> Appended:
    """Append a block of events in a write of its own, as most blocks are: none of it is there yet."""
    try:
        with store.write() as connection:
            return append_events(connection, keyring, frame, tags=tags, people=people, likely_new=True)
    except TwiceError:
        with store.write() as connection:
            return append_events(connection, keyring, frame, tags=tags, people=people)


def _people(
    connection: Connection, keyring: Keyring, sources: Sequence[str], known: dict[str, Learner]
) -> dict[str, Learner]:
    """Return who is behind ids, as ``add_learners`` does; who is `known` is only asked for by number."""
    met = still_there(connection, {source: known[source] for source in sources if source in known})
    found = met | add_learners(connection, keyring, [source for source in sources if source not in met])
    known |= found
    return found


def _where(rows: pd.DataFrame, which: pd.Series) -> pd.DataFrame:
    return rows if which.all() else rows[which]


def _of_nobody(connection: Connection, rows: pd.DataFrame) -> pd.Series:
    """Return which rows, of learners by number, name a step that is no decision about their learner."""
    named = rows["step"] != ""
    if not named.any():
        return named
    query = "SELECT decision_id, learner FROM decisions WHERE decision_id IN"
    about = dict(plain_in(connection, query, rows.loc[named, "step"].unique().tolist()))
    return named & (rows["step"].map(about) != rows["learner"])


UNLINKED = "step names no decision about this learner: stored without it"
UNTAGGED = "tags that the catalogue does not have: stored without them"
UNREACHED = "supersedes or voids an event of another learner: that one stands"
CONFLICT = "an event of this id is stored with other content: send a new id, with `supersedes` to correct it"
_SAID = ("kind", "resource", "score", "seconds", "attempt_no", "completed", "step")
_COMPARED = ("learner", "time", "class_id", "tags", "supersedes", "voids", *_SAID)


def conflicting(
    connection: Connection,
    keyring: Keyring,
    frame: pd.DataFrame,
    *,
    tags: Collection[str] = (),
    ids: Sequence[bytes] | None = None,
) -> tuple[int, ...]:
    """Return the places of events whose id is stored already, or stands before, with other content.

    What may change between two readings of the same record is no content: `seq`, and tags that the catalogue
    does not have. `ids` are the digests of the events' ids, where they are made already.
    """
    ids = keyring.event_digests(frame["event_id"].tolist()) if ids is None else ids
    query = f"SELECT event_id, {', '.join(_COMPARED)} FROM events WHERE event_id IN"
    known = {bytes(row[0]): row[1:] for row in plain_in(connection, query, list(dict.fromkeys(ids)))}
    people = find_learners(connection, keyring, set(frame["learner"]))
    classes = class_surrogates(connection, keyring, set(frame["class_id"]), create=False)
    numbers = frame["learner"].map({source: person.number for source, person in people.items()})
    rows = frame.assign(event_id=ids, learner=numbers.fillna(-1))
    cells, strange = _columns(rows, keyring, classes, set(tags)), _of_nobody(connection, rows)
    found = []
    for place, row in enumerate(zip(*(cells[name] for name in _COMPARED), strict=True)):
        if strange.iloc[place] and known.get(ids[place], row)[-1] == "":  # as it was stored
            row = (*row[:-1], "")  # noqa: PLW2901
        was = known.setdefault(ids[place], row)
        if was != row and _content(was, tags) != _content(row, tags):
            found.append(place)
    return tuple(found)


def _content(cells: Sequence[Any], tags: Collection[str]) -> tuple[Any, ...]:
    """Return what an event says; the void of a record store is its target's, whoever sends it."""
    row = dict(zip(_COMPARED, cells, strict=True))
    of_store = row["voids"] and not row["resource"]
    links = [None if row[name] is None else bytes(row[name]) for name in ("supersedes", "voids")]
    liked = tuple(tag for tag in row["tags"].split(";") if tag in tags)
    who = None if of_store else row["learner"]
    return (who, row["time"], row["class_id"], liked, *links, *(row[name] for name in _SAID))


@dataclass(frozen=True)
class Fact:
    """An event that a decision led to: what was picked, how it was liked."""

    kind: str
    resource: str
    time: datetime
    score: float | None = None


def note_fact(connection: Connection, keyring: Keyring, decision: Row[Any], fact: Fact) -> bool:
    """Append an event of a decision's learner, within a write; False when it is there and stands."""
    said = _said_so_far(connection, keyring, fact.kind, decision.decision_id)
    if said.standing is not None:
        return False
    _append_fact(connection, decision, fact, event_id=said.next)
    return True


def take_back_fact(
    connection: Connection, keyring: Keyring, decision: Row[Any], kind: str, time: datetime
) -> bool:
    """Void the event of a kind that a decision led to, within a write; False when none stands."""
    said = _said_so_far(connection, keyring, kind, decision.decision_id)
    if said.standing is None:
        return False
    event_id = keyring.event_digests([f"segue:void:{said.standing.hex()}"])[0]
    _append_fact(connection, decision, Fact("other", "", time), event_id=event_id, voids=said.standing)
    return True


def _append_fact(
    connection: Connection, decision: Row[Any], fact: Fact, *, event_id: bytes, voids: bytes | None = None
) -> None:
    said = {"learner": decision.learner, "kind": fact.kind, "resource": fact.resource, "score": fact.score}
    done = 1.0 if fact.kind == "completion" else None
    links = {"event_id": event_id, "voids": voids, "step": decision.decision_id}
    _append_row(connection, fact.time, said | links | {"completed": done})


def _append_row(connection: Connection, time: datetime, cells: Mapping[str, Any]) -> None:
    number = take_numbers(connection, "events", 1)
    row = {"number": number, "seq": number, "time": round(time.timestamp() * 1e6)}
    nothing = dict.fromkeys(("resource", "class_id", "step", "tags"), "")
    connection.execute(events.insert().values(nothing | row | dict(cells)))


@dataclass(frozen=True)
class _SaidSoFar:
    """The id of the fact that stands (None: none does), and the id that the next one would have."""

    standing: bytes | None
    next: bytes


def _said_so_far(connection: Connection, keyring: Keyring, kind: str, decision_id: str) -> _SaidSoFar:
    """Return how often a fact was said and taken back: each time it is said it has another id."""
    for time in count():
        name = f"segue:{kind}:{decision_id}{f':{time}' if time else ''}"
        event_id = keyring.event_digests([name])[0]
        if not connection.execute(select(events.c.number).where(events.c.event_id == event_id)).first():
            return _SaidSoFar(None, event_id)
        if not connection.execute(select(events.c.number).where(events.c.voids == event_id)).first():
            return _SaidSoFar(event_id, event_id)
    raise AssertionError


def note_interests(connection: Connection, learner: int, tags: Sequence[str], time: datetime) -> None:
    """Append what a learner states to like, within a write; nothing stated is stated too."""
    said = {"learner": learner, "kind": "other", "tags": ";".join(tags) or ";"}
    _append_row(connection, time, said | {"event_id": secrets.token_bytes(16)})


def score_of_fact(connection: Connection, keyring: Keyring, kind: str, decision_id: str) -> float | None:
    """Return the score of an event that a decision led to, None when none stands."""
    event_id = _said_so_far(connection, keyring, kind, decision_id).standing
    return connection.execute(select(events.c.score).where(events.c.event_id == event_id)).scalar()


def learners_since(connection: Connection, number: int) -> list[int]:
    """Return the learners with an event of this number or a later one."""
    return list(connection.execute(_NEWS, {"since": number}).scalars())


_NEWS = select(events.c.learner).where(events.c.number >= bindparam("since")).distinct()


def read_events(connection: Connection, learner_numbers: Sequence[int] | None = None) -> pd.DataFrame:
    """Return events as a frame of `COLUMNS` in the order of their store numbers, with that `number` last.

    Where any score is uncertain, a column `weight` follows (NaN: 1). Without `learner_numbers`, those of all
    learners who have not opted out. `learner` is the surrogate. Ids
    of events carry the learner, so that a correction reaches no one else's.
    """
    query = select(events, learners.c.surrogate).join_from(
        events, learners, events.c.learner == learners.c.number
    )
    if learner_numbers is None:
        profiled = query.where(learners.c.opted_out.is_(False)).order_by(events.c.number)
        streamed = connection.execute(profiled.execution_options(stream_results=True))
        parts = [_frame(rows) for rows in streamed.partitions(READ_ROWS)]
        return pd.concat(parts, ignore_index=True) if parts else _frame(())
    found = where_in(connection, query, events.c.learner, learner_numbers)
    return _frame(sorted(found, key=lambda row: int(row.number)))


def standing_events(connection: Connection, upto: int) -> pd.DataFrame:
    """Return what a fit reads of the events up to a number, corrected, in their order; of opt-outs nothing.

    Columns kind, learner (the surrogate), resource, score, time, seq, and `completed` and `weight` where any
    event has one. Texts are categories, and ids of events are not kept: some thirty bytes an event, where
    ``read_events`` takes seven times as many.
    """
    inside = select(learners.c.number, learners.c.surrogate).where(learners.c.opted_out.is_(False))
    people = {number: (place, who) for place, (number, who) in enumerate(connection.execute(inside))}
    c = events.c
    said = select(c.learner, c.supersedes, c.voids).where(c.supersedes.is_not(None) | c.voids.is_not(None))
    said = said.where(c.number <= upto)
    gone = {(who, bytes(one)) for who, *both in connection.execute(said) for one in both if one}
    query = select(c.learner, c.event_id, c.kind, c.resource, c.time, c.seq, c.score, c.completed, c.weight)
    query = query.where(c.number <= upto).order_by(c.number).execution_options(stream_results=True)
    size = connection.execute(select(func.count()).where(c.number <= upto)).scalar_one()
    cells = {name: np.empty(size, dtype=kind) for name, kind in _FITTED.items()}
    texts: dict[str, dict[str, int]] = {"kind": {}, "resource": {}}
    end = 0
    for rows in connection.execute(query).partitions(READ_ROWS):
        standing = [row for row in rows if row[0] in people and (row[0], bytes(row[1])) not in gone]
        at, end = end, end + len(standing)
        who, _, kind, resource, time, *numbers = zip(*standing, strict=True) if standing else [()] * 9
        cells["learner"][at:end] = [people[number][0] for number in who]
        for (name, known), these in zip(texts.items(), (kind, resource), strict=True):
            cells[name][at:end] = [known.setdefault(text, len(known)) for text in these]
        cells["time"][at:end] = [NEVER if moment is None else 1000 * moment for moment in time]
        for name, values in zip(("seq", "score", "completed", "weight"), numbers, strict=True):
            cells[name][at:end] = values
    for name in ("completed", "weight"):
        if np.isnan(cells[name][:end]).all():
            del cells[name]
    names = {"learner": [surrogate for _, surrogate in people.values()]}
    names |= {name: list(known) for name, known in texts.items()}
    return pd.DataFrame(
        {name: values[:end] for name, values in cells.items() if name not in (*names, "time")}
        | {name: pd.Categorical.from_codes(cells[name][:end], pd.Index(each)) for name, each in names.items()}
        | {"time": pd.Series(cells["time"][:end].view("M8[ns]")).dt.tz_localize("UTC")},
        copy=False,
    )


_FITTED = {"learner": "i4", "kind": "i4", "resource": "i4", "time": "i8", "seq": "i8"}
_FITTED |= {"score": "f8", "completed": "f8", "weight": "f8"}


def what_was_done(
    connection: Connection, since: int, learner_numbers: Collection[int] | None = None
) -> pd.DataFrame:
    """Return what learners did since a time (UTC microseconds), in order, without what was taken back later.

    Columns `DID`; `step` is the decision that an event names (""), `time` -1 where it is unknown. Of
    `learner_numbers`, of everybody who has not opted out when left out.
    """
    names = ("number", "event_id", "supersedes", "voids", *DID)
    query = select(*(events.c[name] for name in names))
    corrects = events.c.voids.is_not(None) | events.c.supersedes.is_not(None)
    query = query.where((events.c.time >= since) | (events.c.step != "") | corrects)
    if learner_numbers is None:
        inside = select(learners.c.number).where(learners.c.opted_out.is_(False))
        rows: Iterable[Row[Any]] = connection.execute(query.where(events.c.learner.in_(inside)))
    else:
        rows = where_in(connection, query, events.c.learner, learner_numbers)
    found = sorted(rows, key=lambda row: int(row.number))
    gone = {bytes(name) for row in found for name in (row.supersedes, row.voids) if name}
    kept = [row[-len(DID) :] for row in found if bytes(row.event_id) not in gone]
    return pd.DataFrame(kept, columns=list(DID)).fillna({"time": -1}).astype({"time": "int64"})


def times_after(connection: Connection, moment: datetime) -> tuple[int, int]:
    """Return how many events are dated later than a moment, and how many are dated at all."""
    later = case((events.c.time > round(moment.timestamp() * 1e6), 1))
    ahead, dated = connection.execute(select(func.count(later), func.count(events.c.time))).one()
    return ahead, dated


def last_number(connection: Connection) -> int:
    """Return the number of the last event stored, 0 when there is none."""
    query = select(events.c.number).order_by(events.c.number.desc()).limit(1)
    return connection.execute(query).scalar() or 0


def _columns(
    frame: pd.DataFrame, keyring: Keyring, classes: Mapping[str, str], tags: set[str]
) -> dict[str, Sequence[Any]]:
    """Return the cells to store, as plain values."""
    microseconds = frame["time"].dt.as_unit("us").astype("int64")
    known = {cell: ";".join(t for t in cell.split(";") if t in tags) for cell in frame["tags"].unique()}
    columns: dict[str, Sequence[Any]] = {
        "learner": frame["learner"].astype("int64").tolist(),
        "time": microseconds.astype(object).where(frame["time"].notna(), None).tolist(),
        "class_id": [classes.get(name, "") for name in frame["class_id"].tolist()],
        "tags": frame["tags"].map(known).tolist(),
    }
    for name in ("event_id", "kind", "resource", "seq", "step"):
        columns[name] = frame[name].tolist()
    for name in ("score", "seconds", "attempt_no", "completed"):
        columns[name] = frame[name].astype(object).where(frame[name].notna(), None).tolist()
    if "weight" in frame:
        columns["weight"] = frame["weight"].astype(object).where(frame["weight"].notna(), None).tolist()
    for name in ("supersedes", "voids"):
        columns[name] = [keyring.event_digests([x])[0] if x else None for x in frame[name].tolist()]
    return columns


def _frame(rows: Sequence[Row[Any]]) -> pd.DataFrame:
    names = [*events.c.keys(), "surrogate"]
    cells = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(names, ())
    out = pd.DataFrame(index=range(len(rows)))
    for name in ("kind", "resource", "class_id", "step", "tags"):
        out[name] = pd.Series(cells[name], dtype="str")
    for name in ("score", "seconds", "attempt_no", "completed"):
        out[name] = pd.Series(cells[name], dtype="float64")
    out["learner"] = pd.Series(cells["surrogate"], dtype="str")
    out["time"] = pd.to_datetime(pd.Series(cells["time"], dtype="Int64"), unit="us", utc=True)
    out["time"] = out["time"].astype("datetime64[ns, UTC]")
    for name in ("seq", "number"):
        out[name] = pd.Series(cells[name], dtype="int64")
    for name in ("event_id", "supersedes", "voids"):
        texts = [f"{n}:{d.hex()}" if d else "" for n, d in zip(cells["learner"], cells[name], strict=True)]
        out[name] = pd.Series(texts, dtype="str")
    weight = pd.Series(cells["weight"], dtype="float64")
    names = [*COLUMNS, "number"] if weight.isna().all() else [*COLUMNS, "number", "weight"]
    return out.assign(weight=weight)[names]


def stored_digests(connection: Connection, digests: Sequence[bytes]) -> set[bytes]:
    """Return which of some event ids, as digests, are stored already."""
    query = "SELECT event_id FROM events WHERE event_id IN"
    return {bytes(digest) for (digest,) in plain_in(connection, query, digests)}
