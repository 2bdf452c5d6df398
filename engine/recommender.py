"""The recommender: an immutable artefact that answers requests; no store, no clock, no global state."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from gettext import NullTranslations
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from segue.engine.explanations.taught import taught_sentence
from segue.engine.explanations.what_if import Edit, edited
from segue.engine.explanations.why import ENGLISH, Explanation, explain
from segue.engine.explanations.why_not import WhyNot, why_not
from segue.engine.pipeline import Kernel, menu_size
from segue.engine.policies.base import Policy
from segue.engine.policies.policy_version import PolicyVersion
from segue.engine.requests.request import Request
from segue.engine.requests.request_batch import RequestBlock
from segue.engine.rules.rule_book import RULES, SENTENCES
from segue.engine.sampling.drawn_playlists import DrawnBlock, DrawnSteps
from segue.engine.sampling.playlists import Playlist, Step
from segue.engine.serialization import load, save, save_over
from segue.engine.settings import Settings
from segue.engine.training.fit import (
    REPLAY_ATTEMPTS,
    TrainingLog,
    fit_halves,
    fit_kernel,
    latest_learners,
    learned_from,
    replay_by_halves,
    with_ranges,
)
from segue.engine.training.replay import replay
from segue.engine.training.resource_effects import Halves, halves_of
from segue.features.candidates import Pool
from segue.features.catalogue import AXES, Catalogue
from segue.features.contexts.context_columns import COLUMNS, INDEX
from segue.features.events.event_records import EARLIEST, LATEST
from segue.features.vectors.success_model import SuccessModel

BLOCK = 128  # requests decided at once
FEW = 8  # requests over the same candidates, below which they share a block with others
STUCK_EVIDENCE = 4 / 9  # four tries
STUCK_RECENT = -0.2  # score this far below what the items led to expect
RELAXED = "relaxed at step "  # of a rule in a certificate, before the steps
_ALL_HELD = MappingProxyType(dict.fromkeys((*(rule.name for rule in RULES), "must-do"), "held"))


@dataclass(frozen=True, eq=False)
class Recommender:
    """What a school has learned so far, ready to decide.

    Make one with :func:`fit`; it never changes. `kernel` holds the catalogue, the
    fitted models and the settings; `fitted` what to know of the fit (rows, dates, scores).
    """

    kernel: Kernel
    fitted: Mapping[str, str] = field(default_factory=dict)

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue it was fitted for."""
        return self.kernel.catalogue

    @cached_property
    def model_hash(self) -> str:
        """Digest of everything a decision reads: equal hashes decide alike."""
        return self.kernel.hash

    @cached_property
    def policy_name(self) -> str:
        """The policy with its parameters."""
        return repr(self.kernel.policy)

    @property
    def version(self) -> PolicyVersion:
        """How it decides: its policy and settings."""
        return PolicyVersion(self.kernel.policy, self.kernel.settings)

    def deciding_by(self, version: PolicyVersion) -> Recommender:
        """Return the same model deciding by another version; what keys its draws stays."""
        kernel = self.kernel
        settings = replace(version.settings, seed=kernel.settings.seed)
        learned = kernel.learned
        if learned is not None:
            eta = settings.learned_weight(learned.n, learned.trust)
            learned = replace(learned, eta=eta)
        return replace(
            self, kernel=replace(kernel, policy=version.policy, settings=settings, learned=learned)
        )

    def over(self, catalogue: Catalogue) -> Recommender:
        """Return the same model over a catalogue that has grown or changed since its fit.

        What is new can be recommended at once; see ``segue.engine.pipeline.Kernel.over``.

        Raises
        ------
        CatalogueError
            When a resource or skill of before is missing or has another place.
        """
        return replace(self, kernel=self.kernel.over(catalogue))

    @cached_property
    def schema_hash(self) -> str:
        """Digest of the names of the context columns, in order."""
        return hashlib.blake2b("\n".join(COLUMNS).encode(), digest_size=8).hexdigest()

    def recommend(self, request: Request, *, rng: np.random.Generator) -> Playlist:
        """Return the playlist of one request, drawn with `rng`.

        Raises
        ------
        CatalogueError
            When a candidate, pin or excluded resource is not in the catalogue.
        ValueError
            When `k` or `menu` is below 1, a dial is outside [-1, 1], or `now` has no time zone.
        """
        return self.recommend_batch([request], rngs=[rng])[0]

    def recommend_batch(
        self, requests: Sequence[Request], *, rngs: Sequence[np.random.Generator], block: int = BLOCK
    ) -> list[Playlist]:
        """Return the playlists of many requests, each drawn with its own generator.

        A request gets the same playlist, bit for bit, whatever else is in the batch.
        """
        if len(rngs) != len(requests):
            raise ValueError(f"rngs must be one a request, got {len(rngs)} for {len(requests)} requests")
        if len(requests) == 1:
            return self._playlists(tuple(requests), rngs)
        out: list[Playlist | None] = [None] * len(requests)
        for rows in _blocks(requests, block):
            some = tuple(requests[i] for i in rows)
            for i, playlist in zip(rows, self._playlists(some, [rngs[i] for i in rows]), strict=True):
                out[i] = playlist
        return [playlist for playlist in out if playlist is not None]

    def why_not(self, request: Request, resource: str, *, words: NullTranslations = ENGLISH) -> WhyNot:
        """Return why `resource` is not the first step: the rule that withholds it, or the missing points.

        The sentence is in the language of the catalogue `words`.

        Raises
        ------
        CatalogueError
            When the resource is not in the catalogue.
        """
        (code,) = self.catalogue.resource_codes((resource,))
        return why_not(self.kernel, self.asked((request,)), int(code), words=words)

    def what_if(self, request: Request, edit: Edit, *, rng: np.random.Generator) -> Playlist:
        """Return the playlist that would follow from `edit`: the one that does, drawn with the same `rng`."""
        return self.recommend(edited(self.kernel, request, edit), rng=rng)

    def explain(self, step: Step, request: Request) -> Explanation:
        """Return a step of this request's playlist in a student's and a teacher's words."""
        return explain(
            step,
            self.catalogue,
            state=request.state,
            now=request.now.timestamp(),
            interests=request.interests,
            taught=taught_sentence(self.catalogue, self.kernel.taught, step.resource),
        )

    def save(self, folder: Path, *, base: Recommender | None = None) -> None:
        """Write this recommender to a folder, as arrays and JSON.

        Where it is `base` over another catalogue, only what changed is written; `base` must then lie beside
        the folder, under its hash.
        """
        if base is None:
            save(self.kernel, folder, fitted=self.fitted)
        else:
            save_over(self.kernel, folder, fitted=self.fitted, base=base.kernel)

    @classmethod
    def load(cls, folder: Path) -> Recommender:
        """Return the recommender saved in a folder."""
        return cls(*load(folder))

    def asked(self, requests: tuple[Request, ...]) -> RequestBlock:
        """Return requests of one shape as a block; candidates in catalogue order, pins among them."""
        for request in requests:
            _check(request)
        now = np.array([request.now.timestamp() for request in requests])
        whole = self.kernel.whole
        named = [r.candidates for r in requests]
        settings = self.kernel.settings
        if all(ids is None for ids in named):
            return RequestBlock(requests, self.catalogue, whole, settings, now)
        if all(ids is named[0] or ids == named[0] for ids in named) and not any(r.pins for r in requests):
            return RequestBlock(requests, self.catalogue, self._pool(named[0] or ()), settings, now)
        offered = np.zeros((len(requests), len(whole)), dtype=np.bool_)
        open_ = np.zeros(len(whole), dtype=np.bool_)
        for row, (ids, request) in enumerate(zip(named, requests, strict=True)):
            offered[row, slice(None) if ids is None else self.catalogue.resource_codes(ids)] = True
            open_[self.catalogue.resource_codes(request.pins)] = True
        open_ |= offered.any(axis=0)
        return RequestBlock(requests, self.catalogue, whole.keep(open_), settings, now, offered[:, open_])

    def _pool(self, ids: Sequence[str]) -> Pool:
        codes = np.unique(self.catalogue.resource_codes(ids))
        return self.kernel.whole.keep(codes)

    def _playlists(
        self, requests: tuple[Request, ...], rngs: Sequence[np.random.Generator]
    ) -> list[Playlist]:
        asked = self.asked(requests)
        if not len(asked.pool):
            return [self._empty_playlist(request) for request in requests]
        drawn = self.kernel.draw(asked, rngs)
        lengths = [int(np.count_nonzero(given)) for given in drawn.drawn.position[:, :, 0] >= 0]
        hashes, certificates = _hashes(asked), _certificates(drawn)
        return [
            Playlist(
                learner=request.learner,
                steps=DrawnSteps(drawn, row, lengths[row]),
                certificate=certificates[row],
                policy=self.policy_name,
                model_hash=self.model_hash,
                schema_hash=self.schema_hash,
                candidates_hash=hashes[row],
                notes=_notes(drawn, row, request, lengths[row]),
                conflict=drawn.drawn.conflicts.get((row, lengths[row]), ()),
            )
            for row, request in enumerate(requests)
        ]

    def _empty_playlist(self, request: Request) -> Playlist:
        return Playlist(
            request.learner,
            (),
            _ALL_HELD,
            repr(self.kernel.policy),
            self.model_hash,
            self.schema_hash,
            "",
            notes=("no candidates were given",),
        )


def fit(
    catalogue: Catalogue,
    events: pd.DataFrame | TrainingLog,
    *,
    rng: np.random.Generator,
    now: datetime,
    config: Settings | None = None,
    policy: Policy | None = None,
    time_zone: str = "UTC",
    replay_until: datetime | None = None,
    halves: Halves = halves_of,
    prior: SuccessModel | None = None,
) -> Recommender:
    """Return a recommender fitted on `events` (none at all: a cold start from pedagogy alone).

    Parameters
    ----------
    events : DataFrame or TrainingLog
        Columns of ``segue.features.events.event_records.COLUMNS``, or what a fit reads of them; what came
        after `now` is an error of the caller.
    rng : Generator
        Decides the folds in which difficulty is fitted without the learners it describes, and where the
        units of the success models begin.
    time_zone : str
        The tenant's, which says what "a later day" is.
    replay_until : datetime
        When decisions began to be logged: later attempts teach as outcomes of those, not by replay.
    halves : callable
        To which half of the learners each id belongs (0 or 1): resource effects are what both halves show.
    prior : SuccessModel
        Of another school: how answers follow from histories, before this school's say it better.

    Raises
    ------
    CatalogueError
        When an attempt names a resource that the catalogue does not have.
    """
    with threadpool_limits(limits=1):  # threaded sums round otherwise: cores decide nothing
        log = events if isinstance(events, TrainingLog) else TrainingLog.of(events, catalogue)
        kernel = fit_kernel(catalogue, log, rng=rng, config=config, policy=policy, prior=prior)
        attempts = latest_learners(log.attempts, REPLAY_ATTEMPTS)
        by_halves = fit_halves(attempts, catalogue, rng, prior=prior)
        kernel = with_ranges(kernel, attempts, by_halves)
        steps = replay_by_halves(kernel, attempts, by_halves)
        past = None if replay_until is None else steps.tries.time < replay_until.timestamp()
        kernel = learned_from(
            kernel,
            steps,
            now=now,
            time_zone=time_zone,
            followed=replay(kernel, attempts),  # as attempts since will be met: their sums add up
            halves=halves(log.learners) if log.learners else None,
            rewarded=past,
        )
    fitted = {
        "attempts": str(len(log.attempts)),
        "now": now.isoformat(),
        "rewards": str(kernel.learned.n if kernel.learned else 0),
    }
    return Recommender(kernel, fitted)


def _blocks(requests: Sequence[Request], block: int) -> list[list[int]]:
    """Return rows that can be decided together: alike in shape, and where possible in candidates."""
    shapes: dict[tuple[object, ...], dict[tuple[str, ...] | None, list[int]]] = {}
    for i, r in enumerate(requests):
        shape = (r.mode, r.k, menu_size(r), r.goal is None, r.dials.pace == 0, bool(r.pins), bool(r.manners))
        shapes.setdefault(shape, {}).setdefault(r.candidates, []).append(i)
    out: list[list[int]] = []
    for by_candidates in shapes.values():
        many = [rows for rows in by_candidates.values() if len(rows) >= FEW]
        few = [i for rows in by_candidates.values() if len(rows) < FEW for i in rows]
        for rows in [*many, few]:
            out += [rows[at : at + block] for at in range(0, len(rows), block)]
    return out


def _check(request: Request) -> None:
    if request.k < 1 or request.menu < 1:
        raise ValueError(f"k and menu must be at least 1, got k={request.k}, menu={request.menu}")
    if request.now.tzinfo is None:
        raise ValueError(f"now must carry a time zone, got {request.now}: use datetime.now(UTC)")
    if not EARLIEST <= request.now <= LATEST:
        raise ValueError(f"now must lie between {EARLIEST.year} and {LATEST.year}, got {request.now}")
    if len(set(request.pins)) > request.k:
        raise ValueError(
            f"k must be at least the number of pins, got k={request.k}, {len(request.pins)} pins"
        )
    if request.goal is not None and request.goal.due is not None and request.goal.due < request.now:
        raise ValueError(f"the goal's due date must not lie in the past, got {request.goal.due.isoformat()}")
    for manner in request.manners:
        if manner.axis not in AXES or not -1.0 <= manner.weight <= 1.0:
            raise ValueError(f"a manner is of one of {', '.join(AXES)} and weighs -1 to 1, got {manner}")
    dials = request.dials
    for name, value in (("pace", dials.pace), ("match", dials.match), ("autonomy", dials.autonomy)):
        if not -1.0 <= value <= 1.0:
            raise ValueError(f"dial {name} must be in [-1, 1], got {value}")


def _hashes(asked: RequestBlock) -> list[str]:
    def digest(codes: np.ndarray[tuple[int], np.dtype[np.int64]]) -> str:
        return hashlib.blake2b(codes.tobytes(), digest_size=8).hexdigest()

    codes = asked.pool.codes
    if asked.offered is None:
        return [asked.pool.hash] * len(asked)
    return [digest(codes[row]) for row in asked.offered]


def _certificates(drawn: DrawnBlock) -> list[Mapping[str, str]]:
    """Return for each list what became of every rule."""
    if not drawn.drawn.relaxed:
        return [_ALL_HELD] * len(drawn.joint)
    at: dict[int, dict[str, list[str]]] = {}
    for (row, step), names in sorted(drawn.drawn.relaxed.items()):
        for name in names:
            at.setdefault(row, {}).setdefault(name, []).append(str(step + 1))
    out: list[Mapping[str, str]] = [_ALL_HELD] * len(drawn.joint)
    for row, rules in at.items():
        words = {name: RELAXED + ", ".join(steps) for name, steps in rules.items()}
        out[row] = MappingProxyType({**_ALL_HELD, **words})
    return out


def _notes(drawn: DrawnBlock, row: int, request: Request, length: int) -> tuple[str, ...]:
    pinned = _rules_broken_by_pins(drawn, row) if drawn.drawn.pinned else ()
    if length == request.k:
        return (*pinned, *_need_of_a_person(drawn, row, request))
    conflict = drawn.drawn.conflicts.get((row, length), ())
    why = " and ".join(conflict)
    stem = f"the list ends after {length} of {request.k} steps" if length else "no step is possible"
    short = f"{stem}: {why} left no candidate" if why else f"{stem}: every candidate is used"
    return (short, *pinned, *_need_of_a_person(drawn, row, request))


def _rules_broken_by_pins(drawn: DrawnBlock, row: int) -> tuple[str, ...]:
    """Say which pins stand in the list though a rule speaks against them."""
    steps = sorted(step for at, step in drawn.drawn.pinned if at == row)
    broken = [(step, name) for step in steps for name in drawn.drawn.relaxed.get((row, step), ())]
    return tuple(
        f"{drawn.resource(int(drawn.drawn.position[row, step, 0]))} was pinned though {SENTENCES[name]}"
        for step, name in broken
    )


def _need_of_a_person(drawn: DrawnBlock, row: int, request: Request) -> tuple[str, ...]:
    """Say that a person should help where an intervention meets a skill that many tries have not moved."""
    if request.mode != "intervene":
        return ()
    tried = drawn.contexts[INDEX["evidence"], row] >= STUCK_EVIDENCE
    stuck = tried & (drawn.contexts[INDEX["recent"], row] <= STUCK_RECENT)
    return ("many tries have not helped here: a person should",) if stuck.any() else ()
