"""What an experiment in class is, said before it starts: question, metric, unit, arms, strata, periods."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from segue.engine.policies.policy_version import policy_from

Unit = Literal["learner", "class"]
Metric = Literal["reward", "surprise", "done"]
METRICS: Mapping[Metric, str] = {
    "reward": "learning beyond forecast, a step",
    "surprise": "score less forecast, a step",
    "done": "share of steps done",
}


@dataclass(frozen=True)
class TrialDeclaration:
    """An experiment.

    Attributes
    ----------
    name : str
        Also keys the assignment: another name is another draw.
    metric : str
        What decides, one of `METRICS`; it cannot be changed afterwards.
    arms : mapping
        The configuration of each arm, the first one being what the others are held against: ``{}`` (the
        version in force), ``{"policy": {…}}`` (a policy version), or ``{"path": [resource ids]}`` (a fixed
        path, such as the teacher's own sequence).
    start : datetime
        Nothing counts before it, and nothing can be declared after it.
    unit : str
        Who is drawn: each learner, or each class as a whole.
    strata : tuple of str
        Roster columns within which arms are balanced.
    period_weeks : int
        In a crossover every unit changes its arm after so many weeks; 0: never.
    alpha : float
        Probability of ever finding a difference where there is none, however often one looks.
    expected_se : float
        The standard error at which the interval is to be tightest, in the metric's unit.
    """

    name: str
    metric: Metric
    arms: Mapping[str, Mapping[str, Any]]
    start: datetime
    unit: Unit = "learner"
    strata: tuple[str, ...] = ()
    period_weeks: int = 0
    alpha: float = 0.05
    expected_se: float = 0.02

    def __post_init__(self) -> None:
        """Check what is said."""
        if not self.name:
            raise ValueError("an experiment needs a name: it keys the assignment")
        if self.metric not in METRICS:
            raise ValueError(f"metric must be one of {', '.join(METRICS)}, got {self.metric!r}")
        if self.unit not in ("learner", "class"):
            raise ValueError(f"unit must be learner or class, got {self.unit!r}")
        if len(self.arms) < 2:
            raise ValueError(f"an experiment needs two arms or more, got {list(self.arms)}")
        if self.start.tzinfo is None:
            raise ValueError("start must carry a time zone")
        if not 0 < self.alpha < 0.5 or not (isfinite(self.expected_se) and self.expected_se > 0):
            raise ValueError("alpha must be in (0, 0.5) and expected_se above 0")
        if self.period_weeks < 0:
            raise ValueError(f"period_weeks must be >= 0, got {self.period_weeks}")
        for name, arm in self.arms.items():
            _check_arm(name, arm)

    @property
    def digest(self) -> str:
        """Digest of what was declared: a change shows."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return it as a file holds it."""
        return asdict(self) | {"start": self.start.isoformat(), "strata": list(self.strata)}


def trial_from(said: Mapping[str, Any]) -> TrialDeclaration:
    """Return the experiment that `said` describes.

    Raises
    ------
    ValueError
        When a field is unknown, missing or wrong.
    """
    if not isinstance(said, Mapping):
        raise ValueError(f"an experiment is an object with name, metric, arms and start, got {said!r}")
    known = TrialDeclaration.__dataclass_fields__
    if unknown := sorted(set(said) - set(known)):
        raise ValueError(f"an experiment has no {unknown[0]!r}: it has {', '.join(known)}")
    if missing := [name for name in ("name", "metric", "arms", "start") if name not in said]:
        raise ValueError(f"an experiment needs {', '.join(missing)}")
    for name, value in said.items():
        what, right = KINDS[name]
        if not right(value):
            raise ValueError(f"{name} of an experiment must be {what}, got {value!r}")
    return declared_before(said)


def declared_before(said: Mapping[str, Any]) -> TrialDeclaration:
    """Return the experiment that was written down as `said`: what was declared stays, whoever checked it."""
    values = dict(said) | {"start": datetime.fromisoformat(str(said["start"]))}
    return TrialDeclaration(**values | {"strata": tuple(said.get("strata", ()))})


def _is_time(value: object) -> bool:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return True


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_text, value))


def _are_arms(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(arm, Mapping) for arm in value.values())


KINDS: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "name": ("text", _is_text),
    "metric": ("text", _is_text),
    "arms": ("an object with an object for each arm, such as {}", _are_arms),
    "start": ("a time such as 2026-12-07T00:00:00+01:00", _is_time),
    "unit": ("text", _is_text),
    "strata": ("a list of the roster's columns", _are_texts),
    "period_weeks": ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    "alpha": ("a number", _is_number),
    "expected_se": ("a number", _is_number),
}


def read_trial(path: Path) -> TrialDeclaration:
    """Return the experiment in a JSON file."""
    try:
        return trial_from(json.loads(path.read_text(encoding="utf-8")))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is no JSON: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _check_arm(name: str, arm: Mapping[str, Any]) -> None:
    if unknown := sorted(set(arm) - {"policy", "path"}):
        raise ValueError(f"arm {name!r} has no {unknown[0]!r}: it has policy or path")
    if len(arm) > 1:
        raise ValueError(f"arm {name!r} must have a policy or a path, not both")
    if "policy" in arm:
        policy_from(arm["policy"])
    path = arm.get("path")
    if path is not None and (not path or not _are_texts(path) or len(set(path)) < len(path)):
        raise ValueError(f"the path of arm {name!r} must name resources, each once")
