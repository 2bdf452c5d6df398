"""Every rule of the engine in its documented order, and the one place where each kind is asked."""

from __future__ import annotations

from typing import Any

import numpy as np

from segue.engine.requests.request_batch import RequestBlock, Scene
from segue.engine.rules.base import NEVER, Mask, Rule, ask
from segue.engine.rules.learner_rules import LEARNER_RULES
from segue.engine.rules.progress import Progress
from segue.engine.rules.request_rules import ENTRY_RULES
from segue.engine.rules.sequence_rules import STEP_RULES
from segue.features.catalogue import Bools

RULES: tuple[Rule[Any], ...] = (*ENTRY_RULES, *LEARNER_RULES, *STEP_RULES)
SENTENCES = {rule.name: rule.sentence for rule in RULES}


def entry_masks(asked: RequestBlock) -> tuple[Mask, ...]:
    """Return what the rules on request and catalogue leave."""
    return ask(ENTRY_RULES, asked)


def learner_masks(scene: Scene) -> tuple[Mask, ...]:
    """Return what the rules on the learner's history leave."""
    return ask(LEARNER_RULES, scene)


def step_masks(progress: Progress) -> tuple[Mask, ...]:
    """Return what the rules on the steps so far leave of the next step."""
    awake = progress.awake()
    return ask(awake, progress) if awake else ()


def growing(scene: Scene, open_: Bools, masks: tuple[Mask, ...] = ()) -> Progress:
    """Return lists without a step yet, over the candidates that are `open_` (B, n)."""
    never = [mask.allowed for mask in masks if mask.rank >= NEVER]
    return Progress(scene, open_, rules=STEP_RULES, never=never)


def enter(asked: RequestBlock) -> tuple[RequestBlock, tuple[Mask, ...]]:
    """Ask the entry rules, and drop candidates that no learner of the block may ever get."""
    masks = entry_masks(asked)
    if not masks:
        return asked, ()
    open_ = all_of(tuple(mask for mask in masks if mask.rank >= NEVER), (len(asked), len(asked.pool)))
    keep = open_.any(axis=0)
    pinned = [code for r in asked.requests for code in asked.catalogue.resource_codes(r.pins)]
    keep |= np.isin(asked.pool.codes, pinned)
    keep[:1] |= not keep.any()  # an empty block is drawn like any other, and says which rules emptied it
    return asked.keep(keep), tuple(Mask(m.name, m.rank, m.allowed[:, keep]) for m in masks)


def all_of(masks: tuple[Mask, ...], shape: tuple[int, int]) -> Bools:
    """Return what all the masks leave, (B, n)."""
    out = np.ones(shape, dtype=np.bool_)
    for mask in masks:
        out &= mask.allowed
    return out
