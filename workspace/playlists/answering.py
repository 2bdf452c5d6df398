"""From questions about stored learners to answers that are ready to be logged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from gettext import NullTranslations
from typing import NamedTuple

import numpy as np

from segue.engine.explanations.why import ENGLISH
from segue.engine.explanations.why_not import WhyNot
from segue.engine.recommender import Recommender
from segue.engine.requests.request import Request
from segue.engine.rules.rule_book import all_of, enter, learner_masks
from segue.engine.sampling.drawn_playlists import DrawnSteps, StepColumns
from segue.engine.sampling.playlists import Playlist
from segue.features.catalogue import Catalogue, Floats
from segue.workspace.playlists.learner_standing import (
    LearnerStanding,
    as_said,
    overdue_note,
    standings_in,
    unclaimed_forecasts,
)
from segue.workspace.playlists.published_playlists import planned_for
from segue.workspace.records.decision_log import (
    QUESTION,
    Draw,
    Entry,
    log,
    name_after,
    rows_of,
    standing_name,
)
from segue.workspace.records.learner_states import Kept
from segue.workspace.records.learners import Learner
from segue.workspace.records.overrides import StandingActs, standing_for
from segue.workspace.records.practices.manners import fixed_for
from segue.workspace.records.rosters.arms import WeekArms
from segue.workspace.records.rosters.enrolments import courses_of
from segue.workspace.sources.model_registry import Champion, Charge
from segue.workspace.storage.database import Connection
from segue.workspace.storage.pseudonyms import Keyring

NOBODY = -1  # no learner has this number


@dataclass(frozen=True)
class Ask:
    """Where a question comes from, and the names of its draw (None: those of the workspace and of now).

    With `request_no` None the list that stands for the question is given again until something is learnt of
    the learner, or ranks otherwise; one that a teacher has acted on, until another model is put in charge.
    `fresh` asks for a new one all the same, which stands from then on.
    """

    surface: str = "python"
    week: str | None = None
    seed: str | None = None
    request_no: int | None = 0
    fresh: bool = False


@dataclass(frozen=True, eq=False)
class Question:
    """A request with its learner inside the store, the names of its draw, and what the learner has said.

    Who opted out gets the list of the class: that of nobody in particular, the same for all of them all week.
    `under` is the request as teachers' acts make it (None: there are none); `name` that of the list, "" for
    one made of question, draw and moment. `quiet`: the learner has said nothing, and no teacher has acted;
    `acted_on` are the decisions that teachers have acted on.
    """

    request: Request
    learner: Learner
    draw: Draw
    surface: str
    said: LearnerStanding | None = None
    under: Request | None = None
    name: str = ""
    quiet: bool = False
    acted_on: tuple[str, ...] = ()

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
    """A playlist that is in the store, with the ids of its decisions.

    `request` is what it was drawn for, with the state; `new` is False when it stood there before. `columns`
    has the steps side by side, where they were drawn so.
    """

    playlist_id: str
    decision_ids: tuple[str, ...]
    playlist: Playlist
    request: Request
    new: bool = True
    columns: StepColumns | None = None

    @classmethod
    def of(cls, entry: Entry) -> Given:
        """Return what is given of an entry."""
        ids = tuple(entry.decision_ids)
        return cls(entry.playlist_id, ids, entry.playlist, entry.request, columns=entry.columns)


class Met(NamedTuple):
    """A request as it would be drawn, with state, rosters, teachers' acts and the goal that stands.

    `record` rests on the record alone, `said` on what the learner claims too.
    """

    record: Request
    said: Request

    def why_not(
        self, recommender: Recommender, resource: str, *, words: NullTranslations = ENGLISH
    ) -> WhyNot:
        """Return why `resource` is not the first step: a claim opens nothing, it moves the points."""
        found = recommender.why_not(self.record, resource, words=words)
        return found if found.rules else recommender.why_not(self.said, resource, words=words)


StoredBeside = Callable[[Connection, Sequence[Given], Charge], None]


def nothing_beside(connection: Connection, given: Sequence[Given], charge: Charge) -> None:
    """Store nothing but lists and decisions."""


def with_acts(
    connection: Connection,
    champion: Champion,
    questions: Sequence[Question],
    *,
    keyring: Keyring | None,
    spoken: Collection[int] | None = None,
) -> list[Question]:
    """Return questions as what rosters, teachers and learners said before makes them.

    Of rosters: the courses that a learner takes, where the request says none. Of the list of the week: its
    resources, where one next step is asked for (neither is looked up without `keyring`). Of teachers' acts:
    resources out, pins in, and what is fixed of the manner of teaching. Of learners' statements: goal and
    claims (``as_said``). Pins go into lists only, after those of the request, as far as the list has room.
    `spoken` are the learners of whom anything said or done may be stored (None: perhaps all).
    """
    if not questions:
        return []
    catalogue = champion.recommender.catalogue
    if catalogue.courses and keyring is not None:
        questions = _in_courses(connection, keyring, catalogue, questions)
    questions = _in_manner(connection, champion, questions)
    if keyring is not None:
        questions = _beside_the_week(connection, catalogue, questions, spoken)
    numbers = {q.learner.number for q in questions}
    if spoken is not None:
        numbers &= set(spoken)
    if not numbers:
        return list(questions)
    now = min(round(q.request.now.timestamp() * 1e6) for q in questions)
    said = standings_in(connection, numbers, catalogue)
    questions = [replace(q, said=said.get(q.learner.number)) for q in questions] if said else questions
    held = standing_for(connection, numbers, now)
    if not held:
        return list(questions)
    return [
        replace(q, under=_under(q.request, acts, catalogue), acted_on=acts.on)
        if (acts := held.get(q.learner.number))
        else q
        for q in questions
    ]


def as_met(
    connection: Connection, champion: Champion, questions: Sequence[Question], *, keyring: Keyring
) -> list[Met]:
    """Return the requests of questions, the state filled in, as they would be drawn."""
    out = []
    for question in with_acts(connection, champion, questions, keyring=keyring):
        record = said = question.under or question.request
        if question.said is not None and not question.learner.opted_out:
            said = as_said(champion.recommender, record, question.said)
        out.append(Met(replace(record, goal=said.goal), said))
    return out


def _in_courses(
    connection: Connection, keyring: Keyring, catalogue: Catalogue, questions: Sequence[Question]
) -> list[Question]:
    moments: dict[datetime, set[int]] = {}
    for q in questions:
        moments.setdefault(q.request.now, set()).add(q.learner.number)
    taken = {
        now: courses_of(connection, keyring, catalogue.courses, numbers, at=now)
        for now, numbers in moments.items()
    }
    return [
        q
        if q.request.courses is not None
        else replace(q, request=replace(q.request, courses=taken[q.request.now].get(q.learner.number)))
        for q in questions
    ]


def _beside_the_week(
    connection: Connection,
    catalogue: Catalogue,
    questions: Sequence[Question],
    spoken: Collection[int] | None,
) -> Sequence[Question]:
    """Return questions for one next step with what stands in the learner's list of the week."""
    weeks: dict[str, set[int]] = {}
    for q in questions:
        if q.request.k == 1 and q.surface != "weekly" and not q.learner.opted_out:
            weeks.setdefault(q.draw.week, set()).add(q.learner.number)
    if not weeks:
        return questions
    planned: dict[tuple[str, int], tuple[str, ...]] = {}
    for week, numbers in weeks.items():
        found = planned_for(connection, numbers, week, acted_on=numbers if spoken is None else spoken)
        planned |= {(week, number): names for number, names in found.items()}
    return [_beside(q, planned.get((q.draw.week, q.learner.number), ()), catalogue) for q in questions]


def _beside(question: Question, names: Sequence[str], catalogue: Catalogue) -> Question:
    request = question.request
    there = [name for name in dict.fromkeys(names) if name in catalogue.resource_index]
    if request.k != 1 or not there:
        return question
    return replace(question, request=replace(request, planned=(*request.planned, *there)))


def _in_manner(
    connection: Connection, champion: Champion, questions: Sequence[Question]
) -> Sequence[Question]:
    """Return questions with what is fixed for the learners' classes, where they do not say it themselves."""
    if not champion.fixed:
        return questions
    asking = {q.learner.number for q in questions if not q.learner.opted_out}
    now = min(q.request.now for q in questions)
    own = fixed_for(connection, champion.fixed, asking, now=now)
    return [
        replace(q, request=replace(q.request, manners=q.request.manners or own[q.learner.number]))
        if q.learner.number in own
        else q
        for q in questions
    ]


def _under(request: Request, held: StandingActs, catalogue: Catalogue) -> Request:
    index, now = catalogue.resource_index, request.now.timestamp()
    out = [r for r in held.out if r in index and r not in request.excluded]
    pinned: list[str] = []
    if request.mode == "playlist":
        named = {*request.excluded, *request.pins}
        room = max(request.k - len(request.pins), 0)
        there = [r for r in held.pinned if r in index and r not in named]
        pinned = [r for r in there if catalogue.is_open(r, now)][:room]
    return replace(request, excluded=(*request.excluded, *out), pins=(*request.pins, *pinned))


def named(
    questions: Sequence[Question], known: Mapping[int, Kept], champion: Champion, *, ask: Ask
) -> list[Question]:
    """Return questions with the names of the lists that stand for them; the draw follows from the name.

    A learner's lists of one week must not share their luck, so each name has a draw of its own.
    """
    nobody = champion.fold.nobody
    out = []
    for question in questions:
        kept = nobody if question.learner.opted_out else known[question.learner.number]
        about = f"{ask.surface} {question.said.last if question.said else ''}"
        if champion.arms is not None and (arm := _arm_of(champion.arms, question)):
            about = f"{about} {champion.arms.named} {arm}"
        fit, ranking = champion.fit, champion.ranking
        name = standing_name(question.draw, about, question.request, upto=kept.upto, fit=fit, ranking=ranking)
        out.append(under_name(question, name))
    return out


def under_name(question: Question, name: str, *, but: object = "") -> Question:
    """Return a question whose list has a name, with the draw of it; `but` makes it another name."""
    if but:
        name = name_after(name, but)
    was = question.draw
    draw = Draw(was.seed, was.purpose, was.week, was.learner, int(name[QUESTION:][:8], 16) >> 1)
    return replace(question, draw=draw, name=name)


def _arm_of(arms: WeekArms, question: Question) -> str:
    return "" if question.learner.opted_out else arms.arm(question.learner.number, question.draw.week)


def answer_by_arms(
    champion: Champion, questions: Sequence[Question], known: Mapping[int, Kept], *, looked_at: bool = True
) -> list[Entry]:
    """Return the answers to questions, each learner's as their arm of an experiment decides; see `answer`."""
    arms = champion.arms
    if arms is None:
        return answer(champion, questions, known, looked_at=looked_at)
    places: dict[str, list[int]] = {}
    for place, question in enumerate(questions):
        places.setdefault(_arm_of(arms, question), []).append(place)
    out: dict[int, Entry] = {}
    for arm, mine in places.items():
        asked = [_on_path(champion, arms, arm, questions[place]) for place in mine]
        drawn = answer(champion.of_arm(arm), asked, known, looked_at=looked_at)
        out |= zip(mine, drawn, strict=True)
    return [out[place] for place in range(len(questions))]


def _on_path(champion: Champion, arms: WeekArms, arm: str, question: Question) -> Question:
    """Return a question with the week's part of the arm's path for steps; as it is where there is none."""
    request = question.under or question.request
    part = arms.part(arm, question.draw.week, k=request.k)
    catalogue, now = champion.recommender.catalogue, request.now.timestamp()
    there = [r for r in part or () if r in catalogue.resource_index and r not in request.excluded]
    steps = tuple(r for r in there if catalogue.is_open(r, now))
    if not steps or request.mode != "playlist":
        return question
    return replace(question, under=replace(request, pins=steps, k=len(steps)))


def answer(
    champion: Champion, questions: Sequence[Question], known: Mapping[int, Kept], *, looked_at: bool = True
) -> list[Entry]:
    """Return the answers to questions, ready to be logged, from the states of the learners' numbers.

    Steps that are to be `looked_at` one by one, several times, are made once; else they stay columns.
    """
    nobody = champion.fold.nobody
    kept = [nobody if q.learner.opted_out else known[q.learner.number] for q in questions]
    requests = [
        replace(q.asked, learner=q.learner.surrogate, state=k.state)
        for q, k in zip(questions, kept, strict=True)
    ]
    asked = [
        r if q.under is None else replace(q.under, learner=r.learner, state=r.state)
        for q, r in zip(questions, requests, strict=True)
    ]
    recommender = champion.recommender
    meant = [
        as_said(recommender, r, q.said) if q.said and not q.learner.opted_out else r
        for q, r in zip(questions, asked, strict=True)
    ]
    drawn = recommender.recommend_batch(meant, rngs=[q.drawn_by.generator() for q in questions])
    seen: list[Sequence[Floats] | Floats] = [
        playlist.steps.forecasts() if isinstance(playlist.steps, DrawnSteps) else [] for playlist in drawn
    ]
    for i, (alone, claimed) in enumerate(zip(asked, meant, strict=True)):
        if alone.state is not claimed.state:
            seen[i] = unclaimed_forecasts(recommender, alone, drawn[i].steps)
    notes = [
        overdue_note(q.request, q.said, recommender.catalogue) if q.said and not q.learner.opted_out else ()
        for q in questions
    ]
    playlists = [
        replace(p, steps=tuple(p.steps) if looked_at else p.steps, notes=(*said, *p.notes))
        if looked_at or said
        else p
        for p, said in zip(drawn, notes, strict=True)
    ]
    return [
        Entry(q.draw, r if q.name else m, p, k.upto, champion.fitted.model_hash, q.surface, f, q.name)
        for q, r, m, p, k, f in zip(questions, requests, meant, playlists, kept, seen, strict=True)
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


def store_answers(
    connection: Connection,
    charge: Charge,
    questions: Sequence[Question],
    again: Mapping[str, Given],
    entries: Sequence[Entry],
    *,
    also: StoredBeside,
) -> list[Given]:
    """Store the answers to the questions that have none `again`, within a write; return all of them."""
    new = [q for q in questions if q.name not in again]
    kept = [entry for q, entry in zip(new, entries, strict=True) if not q.learner.opted_out]
    log(connection, rows_of(kept))
    made = iter(entries)
    given = [again[q.name] if q.name in again else Given.of(next(made)) for q in questions]
    also(connection, given, charge)
    return given
