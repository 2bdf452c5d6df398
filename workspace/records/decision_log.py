"""Playlists and decisions as rows: written before anyone sees them, written once."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from itertools import chain, compress, groupby
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from segue.engine.requests.request import Request
from segue.engine.sampling.drawn_playlists import DrawnSteps, StepColumns
from segue.engine.sampling.playlists import Playlist, Step
from segue.engine.sampling.randomness import generator
from segue.features.catalogue import Floats
from segue.features.contexts.context_columns import COLUMNS
from segue.workspace.records.learners import QUERY_ROWS, present
from segue.workspace.storage.database import insert_columns, plain, take_numbers_of
from segue.workspace.storage.schema import decisions, playlists

T = TypeVar("T")
FEW_ROWS = 100  # up to which Python writes numbers sooner than Arrow


@dataclass(frozen=True)
class Draw:
    """The names of a draw: they key the generator, and with the question they name the playlist.

    `purpose` is the mode of the request, `week` the ISO week it is for, `learner` the store's number.
    """

    seed: str
    purpose: str
    week: str
    learner: int
    request_no: int = 0

    def generator(self) -> np.random.Generator:
        """Return the generator of this draw."""
        return generator(self.seed, self.purpose, self.week, str(self.learner), self.request_no)


@dataclass(frozen=True, eq=False)
class Entry:
    """A playlist on its way into the store: the draw, the question, the answer, and the forecasts before it.

    `surface` says where it was asked for ("cli", "weekly", ...).
    `fit_hash` names the fitted artefact that the deciding model rests on, `upto` the last event it had seen.
    `forecasts` has one array a step, shape (2, K), or all in one: chance of success on a standard item of
    each skill of the resource, now and in 7 days, as the deciding model saw it.
    """

    draw: Draw
    request: Request
    playlist: Playlist
    upto: int
    fit_hash: str
    surface: str
    forecasts: Sequence[Floats] | Floats
    name: str = ""

    @cached_property
    def playlist_id(self) -> str:
        """Digest of the draw, the question, the history and the model, or the `name` given."""
        return self.name or playlist_id(
            self.draw, self.request, upto=self.upto, model_hash=self.playlist.model_hash
        )

    @cached_property
    def columns(self) -> StepColumns | None:
        """The steps side by side; None where each is a thing of its own (made already, menus, pins)."""
        steps = self.playlist.steps
        return steps.columns() if isinstance(steps, DrawnSteps) else None

    @cached_property
    def steps(self) -> StepCells:
        """The steps as cells of columns."""
        return cells_of([self])

    @cached_property
    def decision_ids(self) -> list[str]:
        """One id a step, made from the playlist's."""
        return [decision_id(self.playlist_id, position) for position in range(len(self.playlist.steps))]


def playlist_id(draw: Draw, request: Request, *, upto: int, model_hash: str) -> str:
    """Return the id of the playlist that answers a question: the same history and model, the same id."""
    said = (draw, upto, model_hash, _question(request))
    return hashlib.blake2b(repr(said).encode(), digest_size=16).hexdigest()


QUESTION = 16  # digits that the names of all lists for one question begin with


def standing_name(draw: Draw, surface: str, request: Request, *, upto: int, fit: str, ranking: str) -> str:
    """Return the name of the list that stands for a question until something is learnt; it has no `now`.

    Those for one question begin alike as long as one `fit` is in charge, whatever it has for `ranking`.
    """
    said = (draw, surface, upto, fit, _question(request, now=_ANY_TIME))
    return name_after(hashlib.blake2b(repr(said).encode(), digest_size=8).hexdigest(), ranking)


def name_after(name: str, but: object) -> str:
    """Return another name of a list for the same question."""
    rest = hashlib.blake2b(f"{name}{but}".encode(), digest_size=8)
    return name[:QUESTION] + rest.hexdigest()


_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def decision_id(playlist_id: str, position: int) -> str:
    """Return the id of a playlist's step: alike in front, so that the steps of a list lie side by side."""
    return f"{playlist_id[:28]}{position:04x}"


def is_step_of(decision_id: str, playlist_id: str) -> bool:
    """Return whether a decision is one of a playlist's."""
    return decision_id[:28] == playlist_id[:28]


def _question(request: Request, *, now: datetime | None = None) -> str:
    """Return the request as text, without the learner's state (`upto` stands for it) and surrogate.

    `now` stands for the request's own. Manners that nobody has set, and a plan of nothing, are left out: such
    questions are named as before there were any.
    """
    fields = dict(vars(request))
    del fields["state"], fields["learner"]
    for name in ("manners", "planned"):
        if not fields[name]:
            del fields[name]
    if request.courses is None:
        del fields["courses"]
    if now is not None:
        fields["now"] = now
    return repr(sorted(fields.items()))


@dataclass(frozen=True)
class Rows:
    """Playlists and their decisions as columns, all but the numbers that the store gives them."""

    playlists: Mapping[str, Sequence[Any]]
    decisions: Mapping[str, Sequence[Any]]


def rows_of(entries: Sequence[Entry], *, cells: StepCells | None = None) -> Rows:
    """Return entries as rows; any process may do this, the writer only has to number them.

    `cells` are those of all entries, where they have been made already (`cells_of`).
    """
    heads = [_playlist_row(entry) for entry in entries]
    steps = _decision_columns(entries, cells or cells_of(entries))
    columns = {name: [row[name] for row in heads] for name in heads[0]} if heads else {}
    return Rows(columns, steps if steps["position"] else {})


def without_erased(connection: Connection, rows: Rows) -> Rows:
    """Return the rows of learners still there, within the write that logs them.

    Decisions computed outside a write may be about someone who was erased meanwhile.
    """
    there = present(connection, rows.playlists.get("learner", ()))
    return Rows(_of_learners(rows.playlists, there), _of_learners(rows.decisions, there))


def _of_learners(columns: Mapping[str, Sequence[Any]], there: set[int]) -> Mapping[str, Sequence[Any]]:
    if there.issuperset(columns.get("learner", ())):
        return columns
    keep = [learner in there for learner in columns.get("learner", ())]
    return {name: list(compress(cells, keep)) for name, cells in columns.items()}


def log(connection: Connection, rows: Rows) -> int:
    """Write the playlists not there yet, within a write; return how many those were.

    Of learners who opted out nothing is written, whichever door the list was asked at.
    """
    ids = rows.playlists.get("playlist_id", ())
    there, out = _there_and_out(connection, ids, rows.playlists.get("learner", ()))
    if out:
        staying = set(rows.playlists["learner"]) - out
        rows = Rows(_of_learners(rows.playlists, staying), _of_learners(rows.decisions, staying))
        ids = rows.playlists.get("playlist_id", ())
    new = {playlists: _new(rows.playlists, there), decisions: _new(rows.decisions, there)}
    counts = {table.name: len(columns["playlist_id"]) for table, columns in new.items() if columns}
    if counts:
        first = take_numbers_of(connection, counts)
        for table, columns in new.items():
            if columns:
                numbers = range(first[table.name], first[table.name] + counts[table.name])
                insert_columns(connection, table, {**columns, "number": numbers})
    return len(set(ids) - there)


def _there_and_out(
    connection: Connection, ids: Sequence[str], numbers: Sequence[int]
) -> tuple[set[str], set[int]]:
    """Return the playlists that are there, of some, and of their learners those who have opted out."""
    there: set[str] = set()
    out: set[int] = set()
    for start in range(0, len(ids), QUERY_ROWS):
        some, about = ids[start : start + QUERY_ROWS], numbers[start : start + QUERY_ROWS]
        marks = ", ".join("?" * len(some))
        query = (
            f"SELECT playlist_id, -1 FROM playlists WHERE playlist_id IN ({marks}) "
            f"UNION ALL SELECT '', number FROM learners WHERE opted_out AND number IN ({marks})"
        )
        for playlist_id, number in plain(connection, query, (*some, *about)):
            if playlist_id:
                there.add(playlist_id)
            else:
                out.add(number)
    return there, out


def _new(columns: Mapping[str, Sequence[Any]], there: set[str]) -> Mapping[str, Sequence[Any]]:
    """Return the rows of playlists not there yet, in order; of a playlist given twice, the first."""
    places = _places(columns)
    if not there and len(set(places)) == len(places):
        return columns if places else {}
    seen: set[tuple[str, int]] = set()
    keep = []
    for place in places:
        keep.append(place[0] not in there and place not in seen)
        seen.add(place)
    return {name: list(compress(cells, keep)) for name, cells in columns.items()} if any(keep) else {}


def _places(columns: Mapping[str, Sequence[Any]]) -> list[tuple[str, int]]:
    """Return playlist and position of each row (position 0 for the playlists' own)."""
    ids = columns.get("playlist_id", ())
    return list(zip(ids, columns.get("position", [0] * len(ids)), strict=True))


def context_of(body: bytes) -> Floats:
    """Return the context columns of a decision row from its cell."""
    return np.frombuffer(body, "<f8")


def _playlist_row(entry: Entry) -> dict[str, Any]:
    draw, playlist = entry.draw, entry.playlist
    return {
        "playlist_id": entry.playlist_id,
        "learner": draw.learner,
        "time": round(entry.request.now.timestamp() * 1e6),
        "week": draw.week,
        "surface": entry.surface,
        "purpose": draw.purpose,
        "seed": draw.seed,
        "request_no": draw.request_no,
        "upto": entry.upto,
        "policy": playlist.policy,
        "fit_hash": entry.fit_hash,
        "model_hash": playlist.model_hash,
        "schema_hash": playlist.schema_hash,
        "candidates_hash": playlist.candidates_hash,
        "certificate": json.dumps(dict(playlist.certificate)),
        "notes": _json_list(playlist.notes),
    }


def _decision_columns(entries: Sequence[Entry], cells: StepCells) -> dict[str, Sequence[Any]]:
    lengths = cells.lengths
    return {
        "decision_id": [name for entry in entries for name in entry.decision_ids],
        "playlist_id": once_a_step((entry.playlist_id for entry in entries), lengths),
        "learner": once_a_step((entry.draw.learner for entry in entries), lengths),
        "position": [position for n in lengths for position in range(n)],
        "resource": cells.resource,
        "propensity": cells.propensity,
        "joint_propensity": cells.joint,
        "score": cells.score,
        "explored": cells.explored,
        "relaxed": cells.relaxed,
        "context": _parts(cells.contexts),
        "reasons": cells.reasons,
        "forecast": [
            cell for entry, n in zip(entries, lengths, strict=True) for cell in _foreseen(entry)[:n]
        ],
        "menu": cells.menu,
        "override": cells.override,
        "settled": [False] * sum(lengths),
    }


def once_a_step(values: Iterable[T], lengths: Sequence[int]) -> list[T]:
    """Return what is said of each list once for each of its steps.

    >>> once_a_step(["a", "b"], [2, 1])
    ['a', 'a', 'b']
    """
    return [value for value, n in zip(values, lengths, strict=True) for _ in range(n)]


def _foreseen(entry: Entry) -> list[bytes]:
    some = entry.forecasts[: len(entry.playlist.steps)]
    if isinstance(some, np.ndarray):
        return _parts(some.astype("<f8", copy=False))
    return [np.asarray(forecast, dtype="<f8").tobytes() for forecast in some]


@dataclass(frozen=True, eq=False)
class StepCells:
    """The steps of some lists as cells of the table `decisions`; `contexts` is (n, C), little-endian.

    `lengths` says how many steps each list has.
    """

    lengths: list[int]
    resource: list[str]
    propensity: list[float]
    joint: list[float]
    score: list[float]
    explored: list[bool]
    relaxed: list[str]
    contexts: Floats
    reasons: list[str]
    menu: list[str]
    override: list[str]

    @classmethod
    def joined(cls, some: Sequence[StepCells]) -> StepCells:
        """Return the cells of several, one after the other."""
        columns = {field.name: [getattr(one, field.name) for one in some] for field in fields(cls)}
        contexts = np.concatenate([np.zeros((0, len(COLUMNS)), dtype="<f8"), *columns.pop("contexts")])
        return cls(
            **{name: list(chain.from_iterable(each)) for name, each in columns.items()}, contexts=contexts
        )


def cells_of(entries: Sequence[Entry]) -> StepCells:
    """Return the steps of lists, one after the other; drawn ones from their columns, as they were drawn."""
    alike = groupby(entries, key=lambda entry: entry.columns and entry.columns.names)
    parts = [_cells(list(some), drawn=names is not None) for names, some in alike]
    return parts[0] if len(parts) == 1 else StepCells.joined(parts)


def _cells(entries: Sequence[Entry], *, drawn: bool) -> StepCells:
    lengths = [len(entry.playlist.steps) for entry in entries]
    if not drawn:
        return _cells_of_steps([step for entry in entries for step in entry.playlist.steps], lengths)
    columns = StepColumns.joined([entry.columns for entry in entries if entry.columns is not None])
    plain_cells = ["{}"] * len(columns.resource)
    return StepCells(
        lengths,
        columns.resource,
        columns.propensity,
        columns.joint,
        columns.score,
        columns.explored,
        [_json_list(relaxed) for relaxed in columns.relaxed],
        columns.contexts.astype("<f8", copy=False),
        _json_objects(columns.names, columns.parts),
        plain_cells,
        plain_cells,
    )


def _cells_of_steps(steps: Sequence[Step], lengths: list[int]) -> StepCells:
    contexts = np.array([list(step.context.values()) for step in steps], dtype="<f8")
    return StepCells(
        lengths,
        [step.resource for step in steps],
        [step.propensity for step in steps],
        [step.joint_propensity for step in steps],
        [step.score for step in steps],
        [step.explored for step in steps],
        [_json_list(step.relaxed) for step in steps],
        contexts.reshape(len(steps), len(COLUMNS)),
        [json.dumps(dict(step.reasons)) for step in steps],
        [
            json.dumps({"offered": step.menu, "propensities": step.menu_propensities}) if step.menu else "{}"
            for step in steps
        ],
        [json.dumps(dict(step.override)) if step.override else "{}" for step in steps],
    )


def _parts(rows: Floats) -> list[bytes]:
    """Return the bytes of each row."""
    whole, size = rows.tobytes(), rows[0].nbytes if len(rows) else 0
    return [whole[i * size : (i + 1) * size] for i in range(len(rows))]


def _json_objects(names: Sequence[str], values: Floats) -> list[str]:
    """Return each row of numbers (n, F) as the JSON that Python writes of ``dict(zip(names, row))``."""
    if len(values) < FEW_ROWS:
        text = _object_text(tuple(names))
        return [
            text % tuple(row) if math.isfinite(sum(row)) else json.dumps(dict(zip(names, row, strict=True)))
            for row in values.tolist()
        ]
    heads = [f"{', ' if i else '{'}{json.dumps(name)}: " for i, name in enumerate(names)]
    cells = [_number_texts(column) for column in values.T]
    pieces = [piece for pair in zip(heads, cells, strict=True) for piece in pair]
    texts: list[str] = pc.binary_join_element_wise(*pieces, "}", "").to_pylist()
    return texts


def _number_texts(values: Floats) -> pa.Array:
    """Return numbers as Python's JSON writes them; Arrow writes the same digits, and most of them so too."""
    texts, size = pa.array(values).cast(pa.string()), np.abs(values)
    whole = values == np.trunc(values)
    texts = pc.if_else(pa.array(whole), pc.binary_join_element_wise(texts, ".0", ""), texts)
    alike = (size >= 1e-4) & (size < 1e10) | (size == 0.0)
    if alike.all():
        return texts
    others = pa.array([json.dumps(value) for value in values[~alike].tolist()])
    return pc.replace_with_mask(texts, pa.array(~alike), others)


@lru_cache(maxsize=16)  # all lists of a run have the same names
def _object_text(names: tuple[str, ...]) -> str:
    return "{{{}}}".format(", ".join(json.dumps(name).replace("%", "%%") + ": %r" for name in names))


def _json_list(names: Sequence[str]) -> str:
    return json.dumps(list(names)) if names else "[]"
