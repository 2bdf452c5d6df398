"""Why not this one: the rule that withholds a resource, or the points that it falls short of the best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from gettext import NullTranslations

import numpy as np

from segue.engine.explanations.why import ENGLISH
from segue.engine.pipeline import Kernel
from segue.engine.requests.request_batch import RequestBlock
from segue.engine.rules.rule_book import (
    SENTENCES,
    all_of,
    enter,
    entry_masks,
    growing,
    learner_masks,
    step_masks,
)
from segue.engine.scoring.factors import FACTORS, GOAL, INTERVENE, PACE, REVIEW
from segue.engine.scoring.manners import NAME, SENTENCE
from segue.features.catalogue import Bools, Floats

COSTS = {factor.name: factor.sentence for factor in (*FACTORS, GOAL, REVIEW, INTERVENE, PACE)}
COSTS[NAME] = SENTENCE
COSTS["learned"] = "classes learned less from such steps"


@dataclass(frozen=True)
class WhyNot:
    """Why a resource is not the first step.

    Attributes
    ----------
    rules : tuple of str
        Names of the rules that withhold it, the firmest first; empty when it may be drawn.
    sentence : str
        The answer for a person.
    missing : float
        Points that it scores less than the best allowed candidate (0 for the best itself).
    points : dict
        The same by part of the score; they sum to `missing` (1e-9). Negative where it does better.
    """

    rules: tuple[str, ...]
    sentence: str
    missing: float = 0.0
    points: Mapping[str, float] | None = None


def why_not(kernel: Kernel, asked: RequestBlock, code: int, *, words: NullTranslations = ENGLISH) -> WhyNot:
    """Return why the resource at catalogue position `code` is not the first step of a block of one.

    The sentence is in the language of the catalogue `words`.
    """
    (request,) = asked.requests
    pins = {*asked.catalogue.resource_codes(request.pins).tolist()}
    if code in pins:
        return WhyNot((), words.gettext("It is pinned, and stands in the list whatever else is said of it."))
    if len(pins) >= request.k:
        return WhyNot((), words.gettext("What is pinned takes every step of the list."))
    if code not in asked.pool.codes:
        return _withheld(("offered",), words)
    at = int(np.searchsorted(asked.pool.codes, code))
    closed = tuple(mask.name for mask in entry_masks(asked) if not mask.allowed[0, at])
    asked, entry = enter(asked)
    if code not in asked.pool.codes:
        return _withheld(closed, words)
    at = int(np.searchsorted(asked.pool.codes, code))
    scene = kernel.scene(asked)
    masks = (*entry, *learner_masks(scene))
    progress = growing(scene, all_of(masks, scene.shape), masks)
    masks += step_masks(progress)
    broken = sorted((m for m in masks if not m.allowed[0, at]), key=lambda m: -m.rank)
    if broken:
        return _withheld(tuple(m.name for m in broken), words)
    parts = kernel.score(scene)
    left = all_of(masks, scene.shape)[0]
    return _short_of_the_best(parts.names, parts.whole()[:, 0], left, at, words)


def _withheld(rules: tuple[str, ...], words: NullTranslations) -> WhyNot:
    return WhyNot(rules, _capital(words.gettext(SENTENCES[rules[0]])))


def _short_of_the_best(
    names: tuple[str, ...], parts: Floats, allowed: Bools, at: int, words: NullTranslations
) -> WhyNot:
    scores = parts.sum(axis=0)
    best = int(np.where(allowed, scores, -np.inf).argmax())
    gaps = (parts[:, best] - parts[:, at]).tolist()
    points = dict(zip(names, gaps, strict=True))
    missing = float(sum(gaps))
    if missing <= 0.0:
        best_now = words.gettext("It is the best first step; the draw may still fall on another.")
        return WhyNot((), best_now, 0.0, points)
    worst = max(points, key=lambda name: points[name])
    short = words.gettext("%(cost)s (%(missing)s points short, %(here)s of them here)")
    cost = _capital(words.gettext(COSTS[worst]))
    said = {"cost": cost, "missing": f"{missing:.2f}", "here": f"{points[worst]:.2f}"}
    return WhyNot((), short % said, missing, points)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
