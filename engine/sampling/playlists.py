"""What is answered: a playlist of steps, each with the probability it was drawn with and its reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """One step of a playlist, with the probability it was drawn with and why.

    `reasons` maps each log-factor (and the learned part) to its share; they sum to `score` (1e-9).
    `propensity` is conditional on the steps before; 1 where a teacher's pin left no choice (`override` then
    names what the engine would have drawn, and with which propensity). With a menu the *menu* is the action:
    `propensity` is the product of `menu_propensities`, one an option, each conditional on those before;
    `score`, `reasons` and `context` are those of the first option, `resource`. Where rules gave way
    (`relaxed`), `conflict` is the smallest set of rules that left nothing, given the steps before.
    """

    position: int
    resource: str
    propensity: float
    joint_propensity: float
    score: float
    reasons: Mapping[str, float]
    context: Mapping[str, float]
    relaxed: tuple[str, ...] = ()
    explored: bool = False
    override: Mapping[str, Any] | None = None
    menu: tuple[str, ...] = ()
    menu_propensities: tuple[float, ...] = ()
    conflict: tuple[str, ...] = ()


@dataclass(frozen=True)
class Playlist:
    """An ordered list of steps for one learner, with a certificate of the rules.

    `certificate` says of each rule "held", or at which steps it was relaxed. `notes` says what the list
    does not (why it is short, what a teacher may want to know). `conflict` is the smallest set of rules that
    ended a list early; empty when it is complete, or every candidate was used.
    """

    learner: str
    steps: Sequence[Step]
    certificate: Mapping[str, str]
    policy: str
    model_hash: str
    schema_hash: str
    candidates_hash: str
    seed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    conflict: tuple[str, ...] = ()
