"""Between JSON and the engine: bodies become requests and events, playlists become bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import count, repeat
from typing import Any

import numpy as np
import pandas as pd
from pydantic_core import to_json

from segue.engine.explanations.what_if import Edit
from segue.engine.recommender import Recommender
from segue.engine.requests.request import Dials, Goal, Mode, Place, Request
from segue.engine.rules.request_rules import speaks
from segue.engine.sampling.drawn_playlists import StepColumns
from segue.engine.sampling.playlists import Step
from segue.features.catalogue import AXES, Catalogue
from segue.features.events.event_records import ITSELF
from segue.service.http import request_schemas as schemas
from segue.service.http.refusals import RefusedError
from segue.workspace.playlists.answering import Given

MODES: dict[str, Mode] = {"menu": "next"}
OPTIONS = {"menu": 3}
Line = dict[str, object]


def request_of(body: schemas.AskBody, now: datetime, learner: str) -> Request:
    """Return the engine's request for a body that came at `now` (UTC-aware).

    Raises
    ------
    RefusedError
        422 for a goal whose due date has passed.
    """
    now = body.now or now
    return Request(
        learner=learner,
        now=now,
        interests=body.interests,
        candidates=body.candidates,
        k=body.k or schemas.STEPS.get(body.mode, 10),
        menu=body.menu or OPTIONS.get(body.mode, 1),
        mode=MODES.get(body.mode, body.mode),  # type: ignore[arg-type]
        minutes=body.minutes,
        place=Place(**vars(body.place)),
        goal=goal_of(body.goal, now),
        dials=Dials(**vars(body.dials)),
        pins=body.pins,
        excluded=body.excluded,
        planned=body.planned,
        fill=body.fill,
        courses=body.courses,
    )


def goal_of(goal: schemas.GoalBody | None, now: datetime) -> Goal | None:
    """Return the engine's goal.

    Raises
    ------
    RefusedError
        422 when its due date has passed at `now`.
    """
    if goal is None:
        return None
    if goal.due is not None and goal.due < now:
        day = goal.due.date().isoformat()
        raise RefusedError(422, "past", f"goal.due: {day} has passed; leave it out, or give a day to come")
    return Goal(goal.skills, goal.due)


def edit_of(body: schemas.WhatIfBody, now: datetime) -> Edit:
    """Return the engine's edit of a request."""
    other = body.instead
    return Edit(
        interests=other.interests,
        goal=goal_of(other.goal, now),
        place=None if other.place is None else Place(**vars(other.place)),
        minutes=other.minutes,
        dials=None if other.dials is None else Dials(**vars(other.dials)),
        answers=tuple((trial.resource, trial.score) for trial in body.attempts),
    )


def written(entry: Given, recommender: Recommender, *, trouble: str, explain: bool) -> bytes:
    """Return the JSON of a stored playlist; `trouble` says why no fitted model decided ("" if one did)."""
    playlist = entry.playlist
    notes = [*playlist.notes, *_not_there(entry.request, recommender.catalogue)]
    if trouble:
        notes.append(f"{trouble}: these steps rest on pedagogy alone")
    shown = entry.columns if entry.columns is not None and not explain else tuple(playlist.steps)
    steps = _lines(shown, entry.decision_ids, recommender.catalogue)
    if explain:
        for line, step in zip(steps, playlist.steps, strict=True):
            line.update(asdict(recommender.explain(step, entry.request)))
    return to_json(
        {
            "playlist_id": entry.playlist_id,
            "steps": steps,
            "certificate": dict(playlist.certificate),
            "notes": notes,
            "policy": playlist.policy,
            "model": playlist.model_hash,
            "degraded": bool(trouble),
        }
    )


def _not_there(request: Request, catalogue: Catalogue) -> list[str]:
    """Say what a request names that nothing in the catalogue has."""
    notes, place = [], request.place
    if unknown := [tag for tag in request.interests if tag not in catalogue.tag_index]:
        notes.append(f"interests: the catalogue has no tag {unknown[0]!r}, which moves nothing")
    if unknown := [course for course in request.courses or () if course not in catalogue.courses]:
        notes.append(f"courses: nothing in the catalogue is for {unknown[0]!r}")
    if place == Place():
        return notes
    if place.language and not any(tag and speaks(tag, place.language) for tag in catalogue.in_language):
        notes.append(f"place.language: nothing in the catalogue is in {place.language!r}")
    wanted = [("kinds", "kind", one) for one in place.kinds]
    wanted += [(axis, axis, getattr(place, axis)) for axis in AXES if getattr(place, axis)]
    for name, field, level in wanted:
        if not any(getattr(r, field) == level for r in catalogue.resources):
            notes.append(f"place.{name}: nothing in the catalogue has {level!r}")
    return notes


def _lines(steps: Sequence[Step] | StepColumns, ids: Sequence[str], catalogue: Catalogue) -> list[Line]:
    """Return the JSON of steps; those that are columns still are read as they are, none is made first."""
    return [
        {
            "decision_id": name,
            "position": position,
            **facts_of(catalogue, resource),
            "propensity": propensity,
            "joint_propensity": joint,
            "score": score,
            "reasons": reasons,
            "explored": explored,
            "relaxed": relaxed,
            "menu": menu,
        }
        for name, (position, resource, propensity, joint, score, reasons, explored, relaxed, menu) in zip(
            ids, _cells(steps), strict=True
        )
    ]


def _cells(steps: Sequence[Step] | StepColumns) -> Iterable[tuple[Any, ...]]:
    """Return what is told of each step besides its id and its resource's facts."""
    if isinstance(steps, StepColumns):
        reasons = [dict(zip(steps.names, parts, strict=True)) for parts in steps.parts.tolist()]
        drawn = (steps.propensity, steps.joint, steps.score, reasons, steps.explored, steps.relaxed)
        return zip(count(), steps.resource, *drawn, repeat(()))
    return map(_told, steps)


def _told(s: Step) -> tuple[Any, ...]:
    drawn = (s.propensity, s.joint_propensity, s.score, dict(s.reasons), s.explored)
    return (s.position, s.resource, *drawn, s.relaxed, s.menu)


def facts_of(catalogue: Catalogue, name: str) -> Line:
    """Return what a step says of its resource."""
    resource = catalogue.resource(name)
    return {"resource": name, "title": resource.title, "url": resource.url, "minutes": resource.minutes}


def frame_of(events: Sequence[schemas.EventBody]) -> pd.DataFrame:
    """Return checked events as a frame of ``segue.features.events.event_records.COLUMNS``."""
    seconds = [np.nan if e.time is None else e.time.timestamp() for e in events]
    micros = np.round(np.array(seconds) * 1e6)
    times = pd.to_datetime(micros, unit="us", utc=True).as_unit("ns")
    nan = np.nan
    return pd.DataFrame(
        {
            "event_id": [e.id for e in events],
            "kind": [e.kind for e in events],
            "learner": [e.learner for e in events],
            "resource": [e.resource or "" for e in events],
            "score": np.array([nan if e.score is None else e.score for e in events]),
            "time": times,
            "seq": np.array([i if e.seq is None else e.seq for i, e in enumerate(events)], dtype=np.int64),
            "seconds": np.array([nan if e.seconds is None else e.seconds for e in events]),
            "class_id": [e.class_id or "" for e in events],
            "attempt_no": np.array([nan if e.attempt_no is None else float(e.attempt_no) for e in events]),
            "step": [e.step or "" for e in events],
            "completed": np.array([nan if e.completed is None else float(e.completed) for e in events]),
            "tags": [";".join(e.tags) for e in events],
            "supersedes": [e.supersedes or "" for e in events],
            "voids": [e.voids or "" for e in events],
        }
    )


NEEDS: Mapping[str, Mapping[str, str]] = {  # what an event of a kind says nothing without
    "attempt": {"score": "an attempt needs a score"},
    "rating": {"score": "a rating needs a score"},
    "enrol": {"class_id": "an event of kind enrol needs a class_id"},
}


def fault_of(event: schemas.EventBody, catalogue: Catalogue) -> str:
    """Return why an event cannot be stored, or "". The learner is never quoted."""
    missing = [words for name, words in NEEDS.get(event.kind, {}).items() if getattr(event, name) is None]
    if missing:
        return missing[0]
    if event.resource is None and event.kind not in ("enrol", "other"):
        return f"an event of kind {event.kind} needs a resource"
    if event.resource is not None and event.resource not in catalogue.resource_index:
        return f"unknown resource {event.resource!r}: add it to the catalogue, then send the event again"
    if event.id in (event.supersedes, event.voids):
        return ITSELF
    if event.time is None and event.seq is None:
        return "an event needs a time, or a seq that orders a learner's events"
    return ""
