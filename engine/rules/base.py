"""What every rule is: a name, the sentence that answers "why not this one?", a rank and a mask.

Three kinds: *entry* rules read the request and the catalogue only and are asked before contexts are built;
*learner* rules read the learner's history too; *step* rules read the steps drawn so far.

When nothing is left at a step, rules give way in the order of `relaxed`: the first rank alone, then the
first two, and so on, until something is left; then every rule that need not give way is put back. Rules
with the rank `FILL` or above give way only when a full list was asked for (``Request.fill``), and those
with `NEVER` do not give way at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from segue.features.catalogue import Bools

FILL = 100
NEVER = 1000
OFFERED = "offered"  # says who the candidates are; never part of a conflict
Read = TypeVar("Read")


@dataclass(frozen=True)
class Rule(Generic[Read]):
    """What every rule says of itself, and how it is asked.

    Attributes
    ----------
    name : str
        In certificates.
    sentence : str
        The answer to "why not this one?".
    relaxed : int
        The rank at which it gives way.
    mask : callable
        Of what it reads (requests, what is known of learners, or lists as they grow): (B, n), False where
        withheld; None when the rule withholds nothing.
    """

    name: str
    sentence: str
    relaxed: int
    mask: Callable[[Read], Bools | None]


def rule(name: str, sentence: str, *, relaxed: int) -> Callable[[Callable[[Read], Bools | None]], Rule[Read]]:
    """Make the function below a rule."""
    return partial(Rule, name, sentence, relaxed)


@dataclass(frozen=True, eq=False)
class Mask:
    """What one rule leaves, with the rank at which it gives way."""

    name: str
    rank: int
    allowed: Bools


def ask(rules: Iterable[Rule[Read]], subject: Read) -> tuple[Mask, ...]:
    """Return what the rules that withhold something leave of the candidates of `subject`, in their order."""
    return tuple(
        Mask(rule.name, rule.relaxed, mask) for rule in rules if (mask := rule.mask(subject)) is not None
    )
