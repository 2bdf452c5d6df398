"""Is it personal? How much of the difference between learners' lists their profiles explain.

Lists are compared by what they hold; the share explained is that of a regression of the lists on the main
directions of the profiles, less what shuffled profiles explain (a permutation test, Anderson 2001). Lists
that are the same for all, or noise, are not personal, however different they look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from segue.features.catalogue import Floats
from segue.features.events.outward_text import finite

SHUFFLES = 999
CHANCE = 0.01
LEAST_SHARE = 0.02
FEWEST = 10  # learners
A_TIME = 1_000_000  # numbers of shuffled profiles held at once


@dataclass(frozen=True)
class Personalisation:
    """What the audit found.

    Attributes
    ----------
    personal : bool
        Whether profiles explain more of the lists than chance would.
    explained : float
        Share of the lists' variance explained by profiles, beyond chance (NaN: too few learners).
    chance : float
        Probability that shuffled profiles explain as much.
    distinct : float
        Share of lists that are unlike every other.
    principles : mapping
        Indicators of the four principles, each a share in [0, 1].
    same_for_all : bool
        Whether all lists hold the same. (Of two lists that half of the class each got, none is distinct.)
    """

    personal: bool
    explained: float
    chance: float
    distinct: float
    principles: Mapping[str, float]
    same_for_all: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name, null where there is none."""
        return {name: finite(value) for name, value in asdict(self).items()}

    def __str__(self) -> str:
        """Return the verdict in a sentence."""
        if not np.isfinite(self.explained):
            return f"Whether lists are personal cannot be told of fewer than {FEWEST} learners."
        if self.same_for_all:
            return "Not personalised: everybody got the same list."
        verdict = "Personalised" if self.personal else "Not personalised"
        return (
            f"{verdict}: profiles explain {max(self.explained, 0.0):.0%} of the differences between lists "
            f"beyond chance (p = {self.chance:.3g})."
        )


def audit_personalisation(
    lists: Sequence[Sequence[str]],
    profiles: Floats,
    *,
    rng: np.random.Generator,
    steps: pd.DataFrame | None = None,
) -> Personalisation:
    """Return whether lists follow profiles.

    Parameters
    ----------
    lists : one a learner, of resource ids
    profiles : (learners, d)
        What is known of each: strengths, needs, interests.
    steps : DataFrame, optional
        Logged steps (as of `logged_steps`), for the indicators of the principles.
    """
    if len(lists) != len(profiles):
        raise ValueError(f"lists and profiles must be one a learner, got {len(lists)} and {len(profiles)}")
    kinds = {tuple(sorted(one)) for one in lists}
    alone = [tuple(sorted(one)) for one in lists]
    unlike = sum(alone.count(one) == 1 for one in kinds) / max(len(lists), 1) if len(kinds) > 1 else 0.0
    principles = _principles(steps)
    if len(lists) < FEWEST:
        return Personalisation(False, float("nan"), 1.0, unlike, principles)
    if len(kinds) == 1:
        return Personalisation(False, 0.0, 1.0, 0.0, principles, same_for_all=True)
    gram = _gram(lists)
    basis = _directions(profiles)
    own = float(_explained(gram, basis[None])[0])
    orders = rng.permuted(np.tile(np.arange(len(lists)), (SHUFFLES, 1)), axis=1)
    some = max(A_TIME // max(basis.size, 1), 1)
    shuffled = np.concatenate(
        [_explained(gram, basis[orders[at : at + some]]) for at in range(0, SHUFFLES, some)]
    )
    chance = float((1 + (shuffled >= own).sum()) / (1 + SHUFFLES))
    share = float((own - shuffled.mean()) / (1 - shuffled.mean()))
    return Personalisation(chance <= CHANCE and share >= LEAST_SHARE, share, chance, unlike, principles)


def _gram(lists: Sequence[Sequence[str]]) -> Floats:
    """Return the centred inner products of lists, as shares of their resources, (L, L)."""
    names = {name: at for at, name in enumerate(sorted({r for one in lists for r in one}))}
    table = np.zeros((len(lists), len(names)))
    for row, one in enumerate(lists):
        for name in one:
            table[row, names[name]] += 1 / max(len(one), 1)
    table -= table.mean(axis=0)
    return np.asarray(table @ table.T)


def _directions(profiles: Floats) -> Floats:
    """Return an orthonormal basis of the main directions of the profiles, (L, m), m at most L / 4."""
    centred = profiles - profiles.mean(axis=0)
    spread = centred.std(axis=0)
    scaled = centred[:, spread > 0] / spread[spread > 0]
    if not scaled.shape[1]:
        return np.zeros((len(profiles), 0))
    left, size, _ = np.linalg.svd(scaled, full_matrices=False)
    rank = int((size > 1e-9 * size[0]).sum())
    return np.asarray(left[:, : min(rank, max(len(profiles) // 4, 1))])


def _explained(gram: Floats, bases: Floats) -> Floats:
    """Return the share of the lists' variance along each basis, (P,), of bases (P, L, m)."""
    total = float(np.trace(gram))
    along = (bases * (gram @ bases)).sum(axis=(1, 2))
    return np.asarray(along / total if total > 0 else np.zeros(len(bases)))


def _principles(steps: pd.DataFrame | None) -> dict[str, float]:
    """Return one share for each of the four principles, from logged steps."""
    if steps is None or steps.empty:
        return {}
    who, resource = steps["learner"].tolist(), steps["resource"].tolist()
    learners, kinds = len(set(who)), steps["kind"].tolist()
    readers = Counter(name for name, _ in set(zip(resource, who, strict=True)))
    used = len(set(zip(who, kinds, strict=True)))
    return {
        "flexible: kinds used of those there are": used / max(learners, 1) / max(len(set(kinds)), 1),
        "empowering: steps that are a choice": float(steps["menu"].mean()),
        "tailored: resources that not everybody got": sum(n < learners for n in readers.values())
        / len(readers),
        "mastery-based: steps whose effect is known": float(steps["reward"].notna().mean()),
    }
