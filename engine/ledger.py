"""Playlists and decisions as rows: written before anyone sees them, written once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from segue.engine.decisions import Playlist, Request, Step
from segue.engine.facts import QUERY_ROWS
from segue.engine.randomness import generator
from segue.engine.schema import decisions, playlists
from segue.engine.store import insert_columns, take_numbers
from segue.features.catalogue import Floats


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
    `forecasts` has one array a step, shape (2, K): chance of success on a standard item of each skill of the
    resource, now and in 7 days, as the deciding model saw it.
    """

    draw: Draw
    request: Request
    playlist: Playlist
    upto: int
    fit_hash: str
    surface: str
    forecasts: Sequence[Floats]

    @property
    def playlist_id(self) -> str:
        """Digest of the draw, the question, the history and the model: the same question has one answer."""
        said = (self.draw, self.upto, self.playlist.model_hash, _question(self.request))
        return hashlib.blake2b(repr(said).encode(), digest_size=16).hexdigest()

    @property
    def decision_ids(self) -> list[str]:
        """One id a step, made from the playlist's."""
        return [decision_id(self.playlist_id, position) for position in range(len(self.playlist.steps))]


def decision_id(playlist_id: str, position: int) -> str:
    """Return the id of a playlist's step."""
    return hashlib.blake2b(f"{playlist_id}:{position}".encode(), digest_size=16).hexdigest()


def _question(request: Request) -> str:
    """Return the request as text, without the learner's state (`upto` stands for it) and surrogate."""
    fields = {k: v for k, v in vars(request).items() if k not in ("state", "learner")}
    return repr(sorted(fields.items()))


def log(connection: Connection, entries: Sequence[Entry]) -> int:
    """Write the playlists not there yet, within a write; return how many those were."""
    ids = [entry.playlist_id for entry in entries]
    there: set[str] = set()
    for start in range(0, len(ids), QUERY_ROWS):
        part = playlists.c.playlist_id.in_(ids[start : start + QUERY_ROWS])
        there |= set(connection.execute(select(playlists.c.playlist_id).where(part)).scalars())
    new = {i: entry for i, entry in zip(ids, entries, strict=True) if i not in there}
    if new:
        first = take_numbers(connection, "playlists", len(new))
        rows = [_playlist_row(i, e, first + n) for n, (i, e) in enumerate(new.items())]
        insert_columns(connection, playlists, _columns(rows))
        steps = [(i, entry, step) for i, entry in new.items() for step in range(len(entry.playlist.steps))]
        if steps:
            first = take_numbers(connection, "decisions", len(steps))
            made = [_decision_row(i, e, e.playlist.steps[s], first + n) for n, (i, e, s) in enumerate(steps)]
            insert_columns(connection, decisions, _columns(made))
    return len(new)


def context_of(body: bytes) -> Floats:
    """Return the context columns of a decision row from its cell."""
    return np.frombuffer(body, "<f8")


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def _microseconds(time: datetime) -> int:
    return round(time.timestamp() * 1e6)


def _playlist_row(playlist_id: str, entry: Entry, number: int) -> dict[str, Any]:
    draw, playlist = entry.draw, entry.playlist
    return {
        "playlist_id": playlist_id,
        "number": number,
        "learner": draw.learner,
        "time": _microseconds(entry.request.now),
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
        "notes": json.dumps(list(playlist.notes)),
    }


def _decision_row(playlist_id: str, entry: Entry, step: Step, number: int) -> dict[str, Any]:
    menu = {"offered": step.menu, "propensities": step.menu_propensities} if step.menu else {}
    return {
        "decision_id": decision_id(playlist_id, step.position),
        "playlist_id": playlist_id,
        "number": number,
        "learner": entry.draw.learner,
        "position": step.position,
        "resource": step.resource,
        "propensity": step.propensity,
        "joint_propensity": step.joint_propensity,
        "score": step.score,
        "explored": step.explored,
        "relaxed": json.dumps(list(step.relaxed)),
        "context": np.array(list(step.context.values()), dtype="<f8").tobytes(),
        "reasons": json.dumps(dict(step.reasons)),
        "forecast": np.ascontiguousarray(entry.forecasts[step.position], dtype="<f8").tobytes(),
        "menu": json.dumps(menu),
        "override": json.dumps(dict(step.override) if step.override else {}),
        "settled": False,
    }
