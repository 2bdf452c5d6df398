"""A challenger in the champion's shadow: what another policy, or another model, would have done.

The challenger is asked the champion's questions and led along the champion's lists: at each step it gives
its probabilities, and is then made to take what the champion took, so that it meets the same step with the
same steps before. Its entry at what was taken is the target probability that evaluation needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from segue.engine.pipeline import menu_size
from segue.engine.policies.base import Choice, Odds, OpenCandidates, Policy
from segue.engine.policies.sampling import UNIT
from segue.engine.recommender import Recommender
from segue.engine.requests.request import Request
from segue.engine.rules.rule_book import enter
from segue.engine.sampling.playlists import Step
from segue.experiments.evaluation.estimators.single_step import Floats, Ints
from segue.features.catalogue import Bools

UNKNOWN, NOTHING = -1, -2  # a candidate the challenger does not know; no further option


@dataclass(frozen=True)
class LoggedStep:
    """A step as the log has it: what was to be done, the options offered, what a teacher changed."""

    resource: str
    menu: tuple[str, ...]
    override: Mapping[str, Any] | None


GivenStep = Step | LoggedStep


@dataclass(frozen=True)
class Led(Policy):
    """Weighs as `policy` does, and takes the candidates at `path` one after another.

    `seen` grows by one pair (probabilities, scores; -inf where not allowed) a choice.
    """

    policy: Policy
    path: tuple[int, ...]
    seen: list[tuple[Floats, Floats]] = field(default_factory=list, repr=False, compare=False)

    def weigh(self, choice: Choice) -> Floats:
        """Return the policy's probabilities."""
        return self.policy.weigh(choice)

    def odds(self, candidates: OpenCandidates) -> Odds:
        """Return odds that leave no choice but the path."""
        return LedOdds(self, candidates)


class LedOdds(Odds):
    """Notes the policy's odds, and gives all to the next candidate of the path, if that is in the pool."""

    def __init__(self, policy: Led, candidates: OpenCandidates) -> None:
        super().__init__(policy, candidates)
        self.led = policy
        self.own = policy.policy.odds(candidates)

    def units(self, shares: Floats, allowed: Bools) -> Floats:
        """Return certainty."""
        units = self.own.units(shares, allowed)
        scores = self.candidates.scores_after(shares)
        self.led.seen.append((units[0] / UNIT, np.where(allowed, scores, -np.inf)[0]))
        taken = self.led.path[len(self.led.seen) - 1]
        if taken >= 0:
            units[0] = 0.0
            units[0, taken] = UNIT
        return units


@dataclass(frozen=True, eq=False)
class ShadowList:
    """A playlist with the challenger's view of every step.

    Attributes
    ----------
    steps : tuple
        As the champion drew them.
    target : (k,)
        Challenger's probability of what was drawn (of the whole menu, in order), given the steps before; NaN
        where a teacher's pin was.
    probabilities, scores : (k, m, n)
        Challenger's probability and score (-inf: not allowed) of every candidate at every option.
    codes : (n,) of int
        Catalogue position of each candidate.
    """

    steps: tuple[GivenStep, ...]
    target: Floats
    probabilities: Floats
    scores: Floats
    codes: Ints


def shadow_lists(
    recommender: Recommender,
    requests: Sequence[Request],
    *,
    rngs: Sequence[np.random.Generator],
    challenger: Policy | Recommender,
) -> list[ShadowList]:
    """Return the champion's lists as `recommend_batch` draws them, with the challenger beside each step.

    Parameters
    ----------
    recommender : Recommender
        The champion.
    requests, rngs : one a list
        To look back on logged lists, give the requests and generators of then: the same bits come out.
    challenger : Policy or Recommender
        A policy reads the champion's scores; another fitted model brings its own, and reads the states of
        the same requests: one that folds histories otherwise is asked by `follow`.
    """
    rival = challenger if isinstance(challenger, Recommender) else with_policy(recommender, challenger)
    lists = recommender.recommend_batch(requests, rngs=rngs)
    return [follow(rival, *one) for one in zip(requests, (drawn.steps for drawn in lists), strict=True)]


def with_policy(recommender: Recommender, policy: Policy) -> Recommender:
    """Return the same model with another policy."""
    return replace(recommender, kernel=replace(recommender.kernel, policy=policy))


def follow(challenger: Recommender, request: Request, steps: Sequence[GivenStep]) -> ShadowList:
    """Return a list drawn, or logged, by somebody else with the challenger's view of every step.

    `request` is the one the list answered, its state as the challenger reads it. What the challenger could
    not have offered there has target probability 0.

    Raises
    ------
    ValueError
        If the request asks for fewer steps, or smaller menus, than there are.
    """
    asked, menu = challenger.asked((request,)), menu_size(request)
    codes = enter(asked)[0].pool.codes
    taken = _positions(challenger, codes, steps, shape=(request.k, menu))
    led = Led(challenger.kernel.policy, tuple(taken.ravel().tolist()))
    drawn = replace(challenger.kernel, policy=led).draw(asked, [np.random.default_rng(0)]).drawn
    seen = np.zeros((request.k * menu, 2, len(codes)))
    seen[: len(led.seen)] = np.array(led.seen).reshape(-1, *seen.shape[1:])
    probabilities, scores = (part.reshape(request.k, menu, -1)[: len(steps)] for part in seen.swapaxes(0, 1))
    probabilities[drawn.position[0, : len(steps), 0] < 0] = 0.0  # the challenger's list had ended
    taken = taken[: len(steps)]
    chances = np.take_along_axis(probabilities, np.maximum(taken, 0)[:, :, None], axis=2)[:, :, 0]
    chances[taken == UNKNOWN] = 0.0
    chances[taken == NOTHING] = 1.0
    target = chances.prod(axis=1)
    target[[at for at, step in enumerate(steps) if step.override is not None]] = np.nan
    return ShadowList(tuple(steps), target, probabilities, scores, codes)


def total_variation(
    recommender: Recommender, request: Request, changed: Request, *, rng: np.random.Generator
) -> float:
    """Return the largest total variation over the steps of a list between two requests' probabilities.

    The list is drawn for `request`; `changed` is asked along it. Where they differ only in what must not
    count (who asks, from which class, under which label), the answer is 0.
    """
    steps = recommender.recommend(request, rng=rng).steps
    one, other = (follow(recommender, asked, steps).probabilities for asked in (request, changed))
    return float(0.5 * np.abs(one - other).sum(axis=-1).max(initial=0.0))


def led_along(
    recommender: Recommender, request: Request, resources: Sequence[str], *, policy: Policy
) -> Recommender:
    """Return the recommender that answers this one request with these resources, in this order.

    What the request cannot be offered is left out; `policy` says what would have been thought of them.
    """
    codes = enter(recommender.asked((request,)))[0].pool.codes
    place = {int(code): at for at, code in enumerate(codes)}
    index = recommender.catalogue.resource_index
    path = [place[index[name]] for name in resources if index[name] in place]
    rest = (NOTHING,) * (request.k - len(path))
    return with_policy(recommender, Led(policy, (*path, *rest)))


def _positions(
    challenger: Recommender, codes: Ints, steps: Sequence[GivenStep], *, shape: tuple[int, int]
) -> Ints:
    """Return where in the challenger's pool what was taken stands, (k, m)."""
    place = {int(code): at for at, code in enumerate(codes)}
    index = challenger.catalogue.resource_index
    menus = [step.menu or (step.resource,) for step in steps]
    if len(menus) > shape[0] or max(map(len, menus), default=0) > shape[1]:
        raise ValueError(
            f"the request asks for {shape[0]} steps of {shape[1]}, the list has more: give its own"
        )
    taken = np.full(shape, NOTHING)
    for step, names in enumerate(menus):
        taken[step, : len(names)] = [place.get(index.get(name, UNKNOWN), UNKNOWN) for name in names]
    return taken
