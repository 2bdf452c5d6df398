"""Which resource teaches, in a table and in a teacher's words: from the effects that the model holds."""

from __future__ import annotations

import pandas as pd

from segue.engine.pipeline import Kernel
from segue.features.catalogue import Catalogue
from segue.models.resource_effects import Effects

UNTOLD = "cannot be told yet"


def taught_table(kernel: Kernel) -> pd.DataFrame:
    """Return one row a resource, the best teachers first.

    Columns: `resource`, `title`, `kind`, `source`, `skills`, `steps` (followed by another attempt at the
    skill), `effect` (how much better than after other resources of these skills learners then did, in scores
    from 0 to 1), `low` and `high` (95 % interval), `verdict` and `weight` (points in the score).
    """
    effects = kernel.taught
    n = len(kernel.catalogue.resources)
    said = [UNTOLD] * n if effects is None else verdicts(effects)
    known = (
        {"steps": 0, "effect": 0.0, "low": float("nan"), "high": float("nan")}
        if effects is None
        else {
            "steps": effects.count.astype(int),
            "effect": effects.mean,
            "low": effects.low,
            "high": effects.high,
        }
    )
    table = pd.DataFrame(
        {
            "resource": [r.resource_id for r in kernel.catalogue.resources],
            "title": [r.title for r in kernel.catalogue.resources],
            "kind": [r.kind for r in kernel.catalogue.resources],
            "source": [r.source for r in kernel.catalogue.resources],
            "skills": [";".join(r.skills) for r in kernel.catalogue.resources],
            **known,
            "verdict": said,
            "weight": kernel.settings.weights.teaches_well * kernel.quality,
        }
    )
    return table.sort_values(["effect", "resource"], ascending=[False, True], ignore_index=True)


def verdicts(effects: Effects) -> list[str]:
    """Return what can be said of each resource."""
    harmful, told, better = effects.harmful(), effects.told, effects.mean > 0
    words = []
    for i in range(len(effects.mean)):
        if harmful[i]:
            words.append("learners did worse after it than before")
        elif not told[i] or effects.count[i] == 0:
            words.append(UNTOLD)
        else:
            words.append("teaches better than others" if better[i] else "teaches less than others")
    return words


def taught_sentence(catalogue: Catalogue, effects: Effects | None, resource: str) -> str:
    """Return what is known of what a resource teaches, for a teacher; "" when nothing can be told."""
    if effects is None:
        return ""
    i = catalogue.resource_index[resource]
    if effects.count[i] == 0 or not effects.told[i]:
        return ""
    how = "better" if effects.mean[i] > 0 else "less well"
    number = f"{effects.mean[i]:+.2f}, {int(effects.count[i])} steps"
    return f"after this one, learners did {how} than after others of its skills: {number}"
