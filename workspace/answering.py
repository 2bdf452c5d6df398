"""From questions about stored learners to answers that are ready to be logged."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from segue.engine.playlists import Playlist
from segue.engine.recommender import Recommender
from segue.engine.request import Request
from segue.engine.rules.rule_book import all_of, enter, learner_masks
from segue.engine.sampling.drawn_playlists import DrawnSteps
from segue.workspace.learner_standing import LearnerStanding, as_said, standings_in, unclaimed_forecasts
from segue.workspace.model_registry import Champion
from segue.workspace.records import learner_states as states
from segue.workspace.records.decision_log import Draw, Entry
from segue.workspace.records.learner_states import Kept
from segue.workspace.records.learners import Learner
from segue.workspace.records.overrides import StandingActs, standing_for
from segue.workspace.storage.database import Connection

NOBODY = -1  # no learner has this number


@dataclass(frozen=True)
class Ask:
    """Where a question comes from, and the names of its draw (None: those of the workspace and of now)."""

    surface: str = "python"
    week: str | None = None
    seed: str | None = None
    request_no: int = 0


@dataclass(frozen=True, eq=False)
class Question:
    """A request with its learner inside the store, the names of its draw, and what the learner has said.

    Who opted out gets the list of the class: that of nobody in particular, the same for all of them all week.
    """

    request: Request
    learner: Learner
    draw: Draw
    surface: str
    said: LearnerStanding | None = None

    @property
    def asked(self) -> Request:
        """The request, without what it says of somebody who opted out."""
        return replace(self.request, interests=()) if self.learner.opted_out else self.request

    @property
    def drawn_by(self) -> Draw:
        """The names that key the generator."""
        return replace(self.draw, learner=NOBODY, request_no=0) if self.learner.opted_out else self.draw


@dataclass(frozen=True, eq=False)
class Given:
    """A playlist that is in the store, with the ids of its decisions."""

    playlist_id: str
    decision_ids: tuple[str, ...]
    playlist: Playlist


def with_acts(connection: Connection, champion: Champion, questions: Sequence[Question]) -> list[Question]:
    """Return questions as what teachers did and learners said before makes them.

    Of teachers' acts: resources out, and pins in. Of learners' statements: goal and claims (``as_said``).
    Pins go into lists only, after those of the request, as far as the list has room.
    """
    if not questions:
        return []
    now = min(round(q.request.now.timestamp() * 1e6) for q in questions)
    numbers = {q.learner.number for q in questions}
    catalogue = champion.recommender.catalogue
    said = standings_in(connection, numbers, catalogue)
    questions = [replace(q, said=said.get(q.learner.number)) for q in questions] if said else questions
    held = standing_for(connection, numbers, now)
    if not held:
        return list(questions)
    index = catalogue.resource_index
    return [
        replace(q, request=_under(q.request, held[q.learner.number], index))
        if q.learner.number in held
        else q
        for q in questions
    ]


def _under(request: Request, held: StandingActs, index: Collection[str]) -> Request:
    out = [r for r in held.out if r in index and r not in request.excluded and r not in request.pins]
    pinned: list[str] = []
    if request.mode == "playlist":
        named = {*request.excluded, *request.pins}
        room = max(request.k - len(request.pins), 0)
        pinned = [r for r in held.pinned if r in index and r not in named][:room]
    return replace(request, excluded=(*request.excluded, *out), pins=(*request.pins, *pinned))


def decide(connection: Connection, champion: Champion, questions: Sequence[Question]) -> list[Entry]:
    """Return the answers to questions, ready to be logged; states that were brought up for it are stored."""
    questions = with_acts(connection, champion, questions)
    numbers = [q.learner.number for q in questions if not q.learner.opted_out]
    known, newer = states.current(connection, numbers, champion.fold)
    states.save(connection, newer, champion.fold)
    return answer(champion, questions, known)


def answer(champion: Champion, questions: Sequence[Question], known: Mapping[int, Kept]) -> list[Entry]:
    """Return the answers to questions, ready to be logged, from the states of the learners' numbers."""
    nobody = champion.fold.fresh()
    kept = [nobody if q.learner.opted_out else known[q.learner.number] for q in questions]
    requests = [
        replace(q.asked, learner=q.learner.surrogate, state=k.state)
        for q, k in zip(questions, kept, strict=True)
    ]
    recommender = champion.recommender
    record = requests
    requests = [
        as_said(recommender, r, q.said) if q.said and not q.learner.opted_out else r
        for q, r in zip(questions, record, strict=True)
    ]
    drawn = recommender.recommend_batch(requests, rngs=[q.drawn_by.generator() for q in questions])
    seen = [
        playlist.steps.forecasts() if isinstance(playlist.steps, DrawnSteps) else [] for playlist in drawn
    ]
    for i, (alone, asked) in enumerate(zip(record, requests, strict=True)):
        if alone.state is not asked.state:
            seen[i] = unclaimed_forecasts(recommender, alone, drawn[i].steps)
    playlists = [replace(p, steps=tuple(p.steps)) for p in drawn]  # each step is looked at several times
    return [
        Entry(q.draw, r, p, k.upto, champion.fitted.model_hash, q.surface, f)
        for q, r, p, k, f in zip(questions, requests, playlists, kept, seen, strict=True)
    ]


def alternatives(
    recommender: Recommender, request: Request, *, taken: Collection[str], most: int = 5
) -> list[tuple[str, Mapping[str, float]]]:
    """Return the best candidates that a list lacks, each with the parts of its score as a first step."""
    kernel = recommender.kernel
    asked, entry = enter(recommender.asked((request,)))
    scene = kernel.scene(asked)
    made = kernel.score(scene)
    names, parts = made.names, made.whole()
    allowed = all_of((*entry, *learner_masks(scene)), scene.shape)[0]
    score = np.where(allowed, parts[:, 0].sum(axis=0), -np.inf)
    ids = [recommender.catalogue.resources[code].resource_id for code in asked.pool.codes]
    best = [i for i in np.argsort(-score, kind="stable") if np.isfinite(score[i]) and ids[i] not in taken]
    return [(ids[i], dict(zip(names, parts[:, 0, i].tolist(), strict=True))) for i in best[:most]]
