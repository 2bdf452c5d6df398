"""A step's reasons once more, in plain Python, from what a decision row keeps: an audit of the engine's own.

Nothing of the scoring code is used but the network's numbers: formulas and constants stand here a second
time, so that a change of one side alone is seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log

from segue.engine.recommender import Recommender
from segue.engine.requests.request import Request
from segue.engine.sampling.playlists import Playlist
from segue.engine.scoring.prospect import ProspectNetwork
from segue.features.catalogue import Resource
from segue.features.contexts.context_columns import COLUMNS

TOLERANCE = 1e-9


def faults(playlist: Playlist, request: Request, recommender: Recommender) -> list[str]:
    """Return what is wrong with the reasons of a playlist, in words; nothing when all is as it should be.

    Every named part must equal its formula over the step's logged columns, none may be missing or left over,
    and the parts must sum to the score, each to 1e-9.
    """
    out, before = [], list[Sequence[str]]()
    catalogue = recommender.catalogue
    for number, step in enumerate(playlist.steps, start=1):
        resource = catalogue.resource(step.resource)
        skills = resource.skills
        expected = reasons_again(step.context, request, recommender, skills=skills, before=before)
        expected |= _manner(resource, request, recommender)
        if expected.keys() != step.reasons.keys():
            out.append(f"step {number} names {sorted(step.reasons)}, expected {sorted(expected)}")
        for name, value in expected.items():
            found = step.reasons.get(name, 0.0)
            if abs(found - value) > TOLERANCE:
                out.append(f"step {number}: {name} is {found!r}, expected {value!r}")
        if abs(sum(step.reasons.values()) - step.score) > TOLERANCE:
            out.append(f"step {number}: the parts do not sum to the score")
        before.append(skills)
    return out


def reasons_again(
    context: Mapping[str, float],
    request: Request,
    recommender: Recommender,
    *,
    skills: Sequence[str],
    before: Sequence[Sequence[str]],
) -> dict[str, float]:
    """Return the parts of the score of a step by name.

    Parameters
    ----------
    context : mapping
        The logged columns of the step.
    skills : sequence of str
        Of the step's resource.
    before : sequence of sequences of str
        Skills of each step before it.
    """
    kernel, c = recommender.kernel, context
    weights, learned = kernel.scoring.weights, kernel.learned
    eta = learned.eta if learned else 0.0
    left = 1.0 - c["mastery"] + 0.1 * c["due"] * c["mastery"]
    parts = {
        "readiness": weights.readiness * _log(min(1.25 * c["readiness"], 1.0)),
        "frontier": weights.frontier * _log(c["frontier"]),
        "zone": (1.0 - eta)
        * weights.zone
        * _log(0.1 + 0.9 * exp(-0.5 * ((c["success"] - 0.75) / 0.25) ** 2)),
        "room": (1.0 - eta) * weights.room * _log(0.15 + 0.85 * left),
        "forecast_gain": (1.0 - eta) * weights.forecast_gain * _log(max(c["forecast_gain"], 0.04)),
        "unlock": weights.unlock * _log(0.5 + 0.5 * c["unlock"]),
        "prospect": weights.prospect * _prospect(c, kernel.network),
        "breadth": weights.breadth * _log(c["breadth"]),
        "completion": weights.completion * _log(c["kind"]),
        "interest": weights.interest
        * 2.5**request.dials.match
        * 1.1**request.dials.pace
        * _log(0.5 + 0.5 * c["interest"]),
        "repeat": weights.repeat * _log(0.6 ** (4.0 * c["uses"])),
        "teaches_well": weights.teaches_well * _log(exp(c["quality"]) / 2.5),
    }
    parts |= _asked_for(c, request, recommender)
    given = sum(skill in one for one in before for skill in skills)
    parts["diversity"] = weights.diversity * log(0.45) * given / len(skills)
    if learned is not None:
        mean = sum(w * c[name] for w, name in zip(learned.model.mean.tolist(), COLUMNS, strict=True))
        low, high = learned.value_range
        parts["learned"] = eta * _log((mean - low) / (high - low))
    return parts


def _prospect(c: Mapping[str, float], network: ProspectNetwork) -> float:
    """Return the log-factor of the network, unit by unit."""
    x = [c[name] for name in network.columns]
    units = [
        max(sum(w * v for w, v in zip(row, x, strict=True)) + bias, 0.0)
        for row, bias in zip(network.hidden.tolist(), network.bias.tolist(), strict=True)
    ]
    value = sum(v * u for v, u in zip(network.outer.tolist(), units, strict=True)) - network.highest
    return float(max(min(value, 0.0), log(0.02)))


def _asked_for(c: Mapping[str, float], request: Request, recommender: Recommender) -> dict[str, float]:
    """Return the parts that only some requests have."""
    weights, parts = recommender.kernel.settings.weights, {}
    if request.goal is not None:
        parts["goal"] = weights.goal * _log((1 + 2 * c["goal_due"]) / 3 if c["goal"] > 0 else 0.1)
    if request.mode == "review":
        parts["mode"] = weights.mode * _log(0.2 + 0.8 * c["due"])
    if request.mode == "intervene":
        parts["mode"] = weights.mode * _log(0.4 + 0.6 * c["teaches"])
    if request.dials.pace:
        parts["pace"] = weights.pace * request.dials.pace * _log(exp(c["novelty"] - 1.0))
    return parts


def _manner(resource: Resource, request: Request, recommender: Recommender) -> dict[str, float]:
    """Return the part of the manner of teaching, where any manner weighs something."""
    kernel, total = recommender.kernel, 0.0
    if not kernel.manners and not request.manners:
        return {}
    for axis, level in (
        ("content", resource.content),
        ("process", resource.process),
        ("product", resource.product),
    ):
        set_ = [one.weight for one in request.manners if (one.axis, one.level) == (axis, level)]
        earned = [one.weight for one in kernel.manners if (one.axis, one.level) == (axis, level)]
        if level and set_:
            total += log(min(max(1.0 + set_[-1] / 0.25, 0.4), 2.5))
        elif level and earned:
            total += kernel.settings.weights.teaches_well * log(min(max(1.0 + earned[-1] / 0.25, 0.4), 2.5))
    return {"manner": total}


def _log(f: float) -> float:
    return log(max(f, 0.02))
