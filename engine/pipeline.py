"""One block of requests, from histories to drawn lists: the only path, for one learner or for two hundred."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from segue.engine.policies.base import Policy
from segue.engine.requests.request import Request
from segue.engine.requests.request_batch import RequestBlock, Scene
from segue.engine.requests.request_facts import goal_marks, minutes_a_step, wishes
from segue.engine.rules.conflicts import conflicts
from segue.engine.rules.relaxation import firm_from
from segue.engine.rules.rule_book import enter, learner_masks
from segue.engine.sampling.drawn_playlists import DrawnBlock
from segue.engine.sampling.sampler import Drawn, DrawPlan, draw
from segue.engine.scoring.factors import Factor, factors_with, learned_part, learned_std
from segue.engine.scoring.manners import manner_points
from segue.engine.scoring.prospect import ProspectNetwork, prospect_network
from segue.engine.scoring.score_parts import Parts
from segue.engine.settings import Settings
from segue.features.candidates import Pool
from segue.features.catalogue import Catalogue, CatalogueError, Floats, WeighedManner
from segue.features.contexts.context_columns import Facts
from segue.features.contexts.context_facts import item_facts, skill_facts
from segue.features.contexts.contexts import build
from segue.features.contexts.look_ahead import look_ahead
from segue.features.contexts.population import Crowd, crowd_over
from segue.features.history.difficulty import easiness_of_new
from segue.features.history.streaming_update import HistoryParameters, LearnerState, StateBlock
from segue.features.prerequisite_map import Map
from segue.features.vectors.success_forecast import SuccessReader
from segue.features.vectors.success_model import SuccessModel
from segue.models.bayesian_linear import BayesianLinear
from segue.models.next_answers import USUAL, NextAnswers
from segue.models.resource_effects import Effects, EffectSums, Groups, estimate

UNTESTED = 0.13  # trust in a learned part before held-out rewards speak for it
MORE_INTEREST, MUCH_LIKING = 1.5, 0.1  # where finishing differs by a tenth, interests weigh 1.5 times more
MOST_MANNERS_KEPT = 100  # ways in which teachers weigh manners, worked out and remembered
UNTRIED = (0.1, 0.95)  # span before anybody has answered: a little guessing, a few slips


@dataclass(frozen=True, eq=False)
class Learned:
    """The learned part of the score: a reward model with its frozen range and weight.

    `value_range` holds the 2 % and 98 % quantiles of the predicted reward at the refit, `eta` its weight,
    `trust` the weight that held-out rewards spoke for (``segue.engine.training.trust``).
    """

    model: BayesianLinear
    value_range: tuple[float, float]
    eta: float
    trust: float = UNTESTED

    @property
    def n(self) -> float:
        """How many rewards it rests on."""
        return self.model.n


@dataclass(frozen=True, eq=False)
class Kernel:
    """Everything a decision reads, immutable.

    `span`: the chances of success that stand for no mastery and for full mastery (``contexts.mastered``);
    `effects`: what tells which resource teaches, None before any step was followed; `manners`: which manner
    of teaching has earned a weight, none before outcomes told; `answers`: how the class learns; `liking`: how
    far finishing depends on what a learner likes (``segue.models.liking``).
    """

    catalogue: Catalogue
    parameters: HistoryParameters
    success: SuccessModel
    crowd: Crowd
    settings: Settings
    policy: Policy
    learned: Learned | None = None
    span: tuple[float, float] = UNTRIED
    effects: EffectSums | None = None
    manners: tuple[WeighedManner, ...] = ()
    answers: NextAnswers = USUAL
    liking: float = 0.0

    @cached_property
    def reader(self) -> SuccessReader:
        """The success model, ready to read blocks of states."""
        return SuccessReader(self.success, self.parameters)

    @cached_property
    def whole(self) -> Pool:
        """The whole catalogue as candidates."""
        return Pool.of(self.catalogue)

    @cached_property
    def skill_map(self) -> Map:
        """Prerequisites and the order of the course as arrays."""
        return _skill_map(self.catalogue, self.parameters)

    @cached_property
    def taught(self) -> Effects | None:
        """What each resource teaches, None before anything is known."""
        if self.effects is None:
            return None
        return estimate(self.effects, self.groups)

    @cached_property
    def network(self) -> ProspectNetwork:
        """What practice is worth in a class that learns like this one."""
        return prospect_network().of_class(self.answers)

    @cached_property
    def factors(self) -> tuple[Factor, ...]:
        """The factors of every request."""
        return factors_with(self.network)

    @cached_property
    def scoring(self) -> Settings:
        """The settings, with interests weighed as they matter in this class: up to 2.5 times."""
        weights = self.settings.weights
        more = 1.0 + MORE_INTEREST * min(self.liking / MUCH_LIKING, 1.0)
        return replace(self.settings, weights=replace(weights, interest=weights.interest * more))

    @cached_property
    def groups(self) -> Groups:
        """Which resources can stand for each other."""
        catalogue = self.catalogue
        return Groups(
            catalogue.skill_matrix, catalogue.skill_weights, catalogue.kind_code, catalogue.source_code
        )

    @cached_property
    def quality(self) -> Floats:
        """Logarithm of how well each resource teaches beside others of its skills, (n,); 0: not known."""
        if self.taught is None:
            return np.zeros(len(self.catalogue.resources))
        return self.taught.quality

    @cached_property
    def hash(self) -> str:
        """Digest of everything a decision reads: equal hashes decide alike."""
        digest = hashlib.blake2b(digest_size=8)
        texts = (
            self.catalogue.hash,
            repr(self.settings),
            repr(self.policy),
            repr(self.span),
        )
        digest.update("\n".join(texts).encode())
        for array in (
            self.parameters.item_logit,
            self.parameters.skill_logit,
            *self.success.to_arrays().values(),
            self.crowd.popularity,
            self.crowd.kind_rate,
            self.crowd.next_share,
        ):
            digest.update(np.ascontiguousarray(array).tobytes())
        learned = self.learned
        if learned:
            digest.update(repr((learned.value_range, learned.eta)).encode())
            digest.update(learned.model.A.tobytes() + learned.model.b.tobytes())
        if self.effects:
            digest.update(b"".join(array.tobytes() for array in self.effects.to_arrays().values()))
        if self.manners:
            digest.update(repr(self.manners).encode())
        if self.answers != USUAL:
            digest.update(repr(tuple(self.answers)).encode())
        if self.liking:
            digest.update(repr(self.liking).encode())
        return digest.hexdigest()

    def with_learned(self, learned: Learned | None) -> Kernel:
        """Return the same kernel with another reward model."""
        return replace(self, learned=learned)

    def with_effects(self, effects: EffectSums | None) -> Kernel:
        """Return the same kernel with another knowledge of which resource teaches."""
        return replace(self, effects=effects)

    def with_manners(self, manners: Sequence[WeighedManner]) -> Kernel:
        """Return the same kernel with other weights of manners of teaching."""
        return replace(self, manners=tuple(manners))

    def over(self, catalogue: Catalogue) -> Kernel:
        """Return the same knowledge over a catalogue that has grown or changed since the fit.

        What was fitted stays as it is. A new resource is as hard as its skills and its label suggest, teaches
        as its kind does, and nobody has used it yet; answers given to it then count like all others. What
        else a decision reads of a resource (skills, minutes, language, when it is open) is the catalogue's.

        Raises
        ------
        CatalogueError
            When a resource or skill of before is missing or has another place: its numbers would be others'.
        """
        before, effects = self.catalogue, self.effects
        if catalogue.hash == before.hash:
            return self
        for said, old, new in (
            ("resource", list(before.resource_index), list(catalogue.resource_index)),
            ("skill", list(before.skill_index), list(catalogue.skill_index)),
        ):
            if new[: len(old)] != old:
                raise CatalogueError(
                    f"the catalogue must keep every {said} of the model's in its place: fit a new model"
                )
        parameters = easiness_of_new(catalogue, self.parameters)
        return replace(
            self,
            catalogue=catalogue,
            parameters=parameters,
            success=self.success.over(self.parameters, parameters),
            crowd=crowd_over(self.crowd, before, catalogue),
            effects=None if effects is None else effects.widened(len(catalogue.resources)),
        )

    def scene(self, asked: RequestBlock) -> Scene:
        """Return what is known of the learners who ask."""
        block = asked.states or StateBlock.of([_state_of(r, self.catalogue) for r in asked.requests])
        reading = self.reader.reading(block, asked.now, skills=asked.skills)
        skill_map = self.skill_map if asked.skills is None else self.skill_map.over(asked.skills)
        gain = look_ahead(reading, *reading.forecasts, skills=asked.pool.skills)
        skills = skill_facts(block, reading, span=self.span, gain=gain)
        items, idle = item_facts(
            block,
            reading,
            self.crowd,
            pool=asked.pool,
            now=asked.now,
            interests=wishes(block, asked),
            minutes=minutes_a_step(asked.requests),
            quality=asked.pool.cut(self.quality),
            days=skills.days,
        )
        goal, goal_due = goal_marks(asked, skills.mastery, skill_map)
        contexts = build(Facts(skills, items, asked.pool, skill_map, goal, goal_due))
        return Scene(asked, skill_map, skills, items, contexts, goal, idle)

    def score(self, scene: Scene) -> Parts:
        """Return the parts of the scores, the weights included."""
        contexts, requests, manner = scene.contexts, scene.requests, self._manner_scores(scene.asked)
        if self.learned is None:
            return Parts.of(contexts, requests, self.scoring, eta=0.0, usual=self.factors, manner=manner)
        value = learned_part(
            expected_reward(self.learned.model, scene, self.settings.optimism),
            value_range=self.learned.value_range,
        )
        return Parts.of(
            contexts,
            requests,
            self.scoring,
            eta=self.learned.eta,
            usual=self.factors,
            learned=value,
            manner=manner,
        )

    def _manner_scores(self, asked: RequestBlock) -> Floats | None:
        """Return what the manner of teaching gives the scores, (B, n); None where no manner weighs."""
        if not self.manners and not any(request.manners for request in asked.requests):
            return None
        exponent, known = self.settings.weights.teaches_well, self._manner_points
        if len(known) > MOST_MANNERS_KEPT:
            known.clear()
        for fixed in {request.manners for request in asked.requests} - known.keys():
            known[fixed] = manner_points(self.catalogue, self.manners, fixed, exponent=exponent)
        return np.stack([asked.pool.cut(known[request.manners]) for request in asked.requests])

    @cached_property
    def _manner_points(self) -> dict[tuple[WeighedManner, ...], Floats]:
        """What was worked out already, by what a teacher has set: a school sets a few."""
        return {}

    def std(self, scene: Scene) -> Floats:
        """Return the standard deviation of the scores, (B, n), from what the reward model does not know.

        A column of zeros, (1,), without a reward model, or where the policy does not read it.
        """
        if self.learned is None or not self.policy.reads_std:
            return np.zeros(1)
        mean, std = self.learned.model.predict_columns(scene.columns)
        mean += self.settings.optimism * std
        return self.learned.eta * learned_std(mean, std, value_range=self.learned.value_range)

    def draw(self, asked: RequestBlock, rngs: Iterable[np.random.Generator]) -> DrawnBlock:
        """Return the lists of a block, one generator a request, each spent before the next is asked for."""
        n_steps, menu = asked.requests[0].k, menu_size(asked.requests[0])
        # the first options first: a larger menu changes no step
        each = [rng.random((menu, n_steps)) for rng in rngs]
        uniforms = (np.array(each) if len(each) > 1 else each[0][None]).swapaxes(1, 2)
        entered, entry = enter(asked)
        scene = self.scene(entered)
        parts = self.score(scene)
        masks = (*entry, *learner_masks(scene))
        plan = DrawPlan(scene, parts.total(), self.std(scene), masks, self.policy, _pins(entered))
        drawn = draw(plan, uniforms)
        if drawn.conflicts and len(entered.pool) < len(asked.pool):
            self._find_conflicts_again(asked, entered.pool, drawn)
        return DrawnBlock.of(
            self.catalogue,
            entered.pool.codes,
            drawn=drawn,
            parts=parts,
            ahead=np.array([scene.skills.chance, scene.skills.chance_later]),
        )

    def _find_conflicts_again(self, whole: RequestBlock, scored: Pool, drawn: Drawn) -> None:
        """Put the conflicts of `drawn` right: they know nothing of candidates dropped before scoring."""
        rows = sorted({row for row, _ in drawn.conflicts})
        places = np.append(np.searchsorted(whole.pool.codes, scored.codes), -1)  # -1 stays -1
        found = conflicts(
            self.scene(whole.some(rows)),
            places[drawn.position[rows]],
            at=[(rows.index(row), step) for row, step in drawn.conflicts],
            firm=[firm_from(whole.requests[row].fill) for row in rows],
        )
        drawn.conflicts.update({(rows[row], step): names for (row, step), names in found.items()})


@lru_cache(maxsize=16)
def _skill_map(catalogue: Catalogue, parameters: HistoryParameters) -> Map:
    """Remembered, for kernels that differ in policy or settings alone are made while requests wait."""
    return Map.of(catalogue, parameters.skill_logit)


def expected_reward(model: BayesianLinear, scene: Scene, optimism: float) -> Floats:
    """Return μ + α std of each candidate, (B, n); always added up in one order: a block changes no bit."""
    if optimism:
        mean, std = model.predict_columns(scene.columns)
        return np.asarray(mean + optimism * std)
    return scene.contexts.dot(model.mean)


def menu_size(request: Request) -> int:
    """Return how many options a step offers: those asked for, and up to two more or fewer by autonomy."""
    return max(request.menu + round(2 * request.dials.autonomy), 1)


def _state_of(request: Request, catalogue: Catalogue) -> LearnerState:
    if request.state is None:
        return LearnerState.fresh(catalogue)
    if not isinstance(request.state, LearnerState):
        raise TypeError(f"request.state must be a LearnerState or None, got {type(request.state).__name__}")
    return request.state


def _pins(asked: RequestBlock) -> tuple[tuple[int, ...], ...]:
    """Return, a row, the positions of the pins in the pool, in the teacher's order."""
    if not any(request.pins for request in asked.requests):
        return ()
    where = {int(code): i for i, code in enumerate(asked.pool.codes)}
    codes = [asked.catalogue.resource_codes(tuple(dict.fromkeys(r.pins))) for r in asked.requests]
    return tuple(tuple(where[int(code)] for code in row) for row in codes)
