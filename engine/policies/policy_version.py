"""How an engine decides, as a file to read, change and compare: the policy, weights and limits.

A version says nothing of what was learned: the same model decides otherwise under another version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from pathlib import Path
from typing import Any

from segue.engine.policies import Softmax
from segue.engine.policies.base import Policy
from segue.engine.policies.by_name import described, named
from segue.engine.settings import Limits, Settings, Weights

MOST = 20.0
RANGES: Mapping[str, tuple[float, float]] = {
    "ready": (0.0, 1.0),
    "mastered": (0.0, 1.0),
    "mastered_attempts": (0.0, 1000.0),
    "due": (0.0, 1.0),
    "repeat_days": (0.0, 365.0),
    "per_skill": (1.0, 1000.0),
    "per_kind": (0.01, 1.0),
    "warm_up": (0.0, 1.0),
    "eta": (0.0, 1.0),
    "eta_evidence": (1.0, 1e9),
    "optimism": (0.0, 10.0),
}
NUMBERS = ("eta", "eta_evidence", "optimism")


@dataclass(frozen=True)
class PolicyVersion:
    """The policy that draws, and the settings that it draws by."""

    policy: Policy = field(default_factory=Softmax)
    settings: Settings = field(default_factory=Settings)

    @property
    def id(self) -> str:
        """Digest of what it says: versions that say the same are the same."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return it as a file holds it; what keys the draws is no part of it."""
        said = asdict(self.settings)
        said.pop("seed")
        return {"policy": described(self.policy), **said}

    def changes(self, other: PolicyVersion) -> dict[str, tuple[Any, Any]]:
        """Return what `other` says otherwise, by dotted name: (here, there)."""
        one, two = _flat(self.to_dict()), _flat(other.to_dict())
        return {name: (one.get(name), two.get(name)) for name in one | two if one.get(name) != two.get(name)}

    def drafted(self, draft: Mapping[str, Any]) -> PolicyVersion:
        """Return the version that a draft describes: what it leaves out is as here.

        Raises
        ------
        ValueError
            As `policy_from`.

        Examples
        --------
        >>> PolicyVersion().drafted({"limits": {"per_skill": 1}}).changes(PolicyVersion())
        {'limits.per_skill': (1, 3)}
        """
        whole = self.to_dict()
        for name, value in draft.items():
            inside = name in ("weights", "limits") and isinstance(value, Mapping)
            whole[name] = {**whole[name], **value} if inside else value
        return policy_from(whole)


def policy_from(said: Mapping[str, Any], *, own: bool = False) -> PolicyVersion:
    """Return the version that `said` describes; what it leaves out is as by default.

    `own` also lets it name a policy of one's own as "module:Class", which is imported: only for files that
    one would also run.

    Raises
    ------
    ValueError
        When a name is unknown, or a value is no number in its range.

    Examples
    --------
    >>> policy_from({"limits": {"per_skill": 2}}).settings.limits.per_skill
    2
    >>> policy_from({"eta": 2})
    Traceback (most recent call last):
    ...
    ValueError: eta must be in [0, 1], got 2
    """
    if not isinstance(said, Mapping):
        raise ValueError(f"a policy version is an object, got {said!r}")
    known = ("policy", "weights", "limits", *NUMBERS)
    if unknown := sorted(set(said) - set(known)):
        raise ValueError(f"a policy version has no {unknown[0]!r}: it has {', '.join(known)}")
    plain = asdict(Settings()) | {name: _number(name, said[name]) for name in NUMBERS if name in said}
    settings = Settings(
        weights=Weights(**_numbers("weights", said.get("weights", {}), Weights)),
        limits=Limits(**_numbers("limits", said.get("limits", {}), Limits)),
        eta=plain["eta"],
        eta_evidence=plain["eta_evidence"],
        optimism=plain["optimism"],
    )
    chosen = said.get("policy")
    if not own and any(":" in name for name in _policy_names(chosen)):
        raise ValueError("a policy of one's own cannot be named here: put it in a file, and apply that")
    policy = named(chosen) if "policy" in said else Softmax()
    return PolicyVersion(policy, settings)


def read_policy(path: Path) -> PolicyVersion:
    """Return the version in a JSON file.

    Raises
    ------
    ValueError
        When it is none; the sentence names the file.
    """
    try:
        return policy_from(json.loads(path.read_text(encoding="utf-8")), own=True)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _policy_names(said: Any) -> list[str]:
    """Return the names of a described policy and of those inside it."""
    if not isinstance(said, Mapping):
        return []
    given = said.get("parameters")
    inner = list(given.values()) if isinstance(given, Mapping) else []
    return [str(said.get("name", "")), *(name for one in inner for name in _policy_names(one))]


def _numbers(part: str, said: Any, kind: type[Weights] | type[Limits]) -> dict[str, Any]:
    known = [one.name for one in fields(kind)]
    if not isinstance(said, Mapping):
        raise ValueError(f"{part} is an object of numbers, got {said!r}")
    if unknown := sorted(set(said) - set(known)):
        raise ValueError(f"{part} has no {unknown[0]!r}: it has {', '.join(known)}")
    return {name: _number(name, value, part) for name, value in said.items()}


def _number(name: str, value: Any, part: str = "") -> float:
    """Return a number in the range of its name."""
    low, high = RANGES.get(name, (0.0, MOST))
    whole = f"{part}.{name}" if part else name
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError(f"{whole} must be a number, got {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{whole} must be in [{low:g}, {high:g}], got {value:g}")
    if name == "per_skill":
        if value != int(value):
            raise ValueError(f"{whole} must be a whole number, got {value:g}")
        return int(value)
    return float(value)


def _flat(said: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in said.items():
        if isinstance(value, Mapping):
            out |= _flat(value, f"{prefix}{name}.")
        else:
            out[prefix + name] = value
    return out
