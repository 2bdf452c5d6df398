"""The gate before a new policy: promoted only if it is better overall and harms no declared group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import ceil, inf, isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segue.experiments.evaluation.estimators.single_step import Ints, Rounds
from segue.experiments.evaluation.estimators.standard_errors import recoded
from segue.experiments.evaluation.intervals.closed_form import Bounds
from segue.experiments.evaluation.verdicts.diagnostics import diagnose
from segue.experiments.evaluation.verdicts.interval_rule import DEFAULT_RULE, Rule
from segue.experiments.evaluation.verdicts.policy_comparison import Comparison, compare, logging_policy

Decision = Literal["promote", "hold", "reject"]


@dataclass(frozen=True)
class GateRules:
    """What a challenger must show.

    Attributes
    ----------
    alpha : float
        Probability of a wrongful promotion that is accepted; each bound is one-sided at this level.
    margin : float
        The lower bound of challenger minus champion must lie above it.
    group_margin : float
        How much worse a group may fare at most: each group's lower bound must lie above minus this.
    group_margins : mapping
        The same for groups that need another one.
    """

    alpha: float = 0.05
    margin: float = 0.0
    group_margin: float = 0.02
    group_margins: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise ValueError(f"alpha must be in (0, 0.5), got {self.alpha}")
        if self.margin < 0 or self.group_margin < 0 or any(m < 0 for m in self.group_margins.values()):
            raise ValueError("margins must be >= 0: they say by how much, the rule says in which direction")

    def margin_of(self, group: str) -> float:
        """Return how much worse `group` may fare."""
        return self.group_margins.get(group, self.group_margin)


@dataclass(frozen=True)
class Passage:
    """What the gate decided, and on what.

    `weeks_needed` is how many more weeks of such a log would decide what is still open (0 when nothing is,
    inf when no number of weeks would).
    """

    decision: Decision
    reasons: tuple[str, ...]
    overall: Comparison
    groups: Mapping[str, Comparison]
    weeks_needed: float

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        groups = {name: comparison.to_dict() for name, comparison in self.groups.items()}
        return asdict(self) | {"overall": self.overall.to_dict(), "groups": groups}

    def __str__(self) -> str:
        """Return the decision and its reasons, one sentence each."""
        lines = [f"{self.decision.capitalize()}.", *(f"{reason}." for reason in self.reasons)]
        if self.decision == "hold" and isfinite(self.weeks_needed):
            lines.append(f"About {self.weeks_needed:.0f} more weeks of such a log would decide.")
        return " ".join(lines)


def gate(
    challenger: Rounds,
    champion: Rounds | None = None,
    *,
    group: NDArray[np.object_] | None = None,
    declared: tuple[str, ...] = (),
    cluster: Ints | None = None,
    weeks: float = 1.0,
    bounds: Bounds | None = None,
    rules: GateRules | None = None,
    rule: Rule = DEFAULT_RULE,
) -> Passage:
    """Return whether the challenger may become the champion.

    An intersection-union test (Berger 1982): every bound is taken at α and all must hold, so that a policy
    that fails any of them is promoted with probability at most α, without a correction for their number.

    Parameters
    ----------
    challenger : Rounds
    champion : Rounds, optional
        The policy in use; by default the one that logged.
    group : array of str (n,), optional
        Label of each round; "" belongs to no group.
    declared : tuple of str
        Groups to protect; by default every label. A declared group that the log does not show means hold.
    cluster : array of int (n,), optional
    weeks : float
        Weeks the log covers.
    bounds : Bounds, optional
        Reward range and largest weight, when they are known.
    rules, rule
        What must be shown; when an interval may be given.
    """
    rules = rules or GateRules()
    champion = champion or logging_policy(challenger)

    def one(keep: NDArray[np.bool_], margin: float) -> tuple[Comparison, float]:
        part = challenger.take(keep)
        if not part.n:
            return _unseen(1 - 2 * rules.alpha, margin), inf
        own = None if cluster is None else recoded(cluster[keep])
        found = compare(
            part,
            champion.take(keep),
            bounds=bounds,
            margin=margin,
            cluster=own,
            level=1 - 2 * rules.alpha,
            rule=rule,
        )
        return found, _weeks_needed(found, part, own, weeks=weeks, rule=rule)

    overall, wait = one(np.ones(challenger.n, dtype=np.bool_), 0.0)
    waits = {"": 0.0 if overall.low > rules.margin else wait}
    groups: dict[str, Comparison] = {}
    for name in _declared(group, declared):
        assert group is not None
        groups[name], wait = one(np.asarray(group == name), rules.margin_of(name))
        waits[name] = 0.0 if groups[name].low > -rules.margin_of(name) else wait
    decision, reasons = _decide(overall, groups, rules)
    return Passage(decision, reasons, overall, groups, max(waits.values()) if decision == "hold" else 0.0)


def _declared(group: NDArray[np.object_] | None, declared: tuple[str, ...]) -> tuple[str, ...]:
    if group is None:
        if declared:
            raise ValueError(f"groups {declared} are declared, but the log has no group column: name it")
        return ()
    return declared or tuple(str(name) for name in np.unique(group.astype(str)) if name)


def _decide(
    overall: Comparison, groups: Mapping[str, Comparison], rules: GateRules
) -> tuple[Decision, tuple[str, ...]]:
    """Reject what is shown to fail, promote what is shown to hold everywhere, hold the rest."""
    failed: list[str] = []
    opened: list[str] = []
    if not overall.low > rules.margin:
        shown = overall.high < rules.margin
        (failed if shown else opened).append(_sentence("Overall", overall, f"above {rules.margin:g}"))
    for name, found in groups.items():
        limit = -rules.margin_of(name)
        if not found.low > limit:
            (failed if found.high < limit else opened).append(
                _sentence(f"Group {name}", found, f"above {limit:g}")
            )
    if failed:
        return "reject", tuple(failed)
    if opened:
        return "hold", tuple(opened)
    kept = f", and no group is worse by its margin ({', '.join(groups)})" if groups else ""
    return "promote", (_sentence("Overall", overall, f"above {rules.margin:g}") + kept,)


def _unseen(level: float, margin: float) -> Comparison:
    nothing = float("nan")
    reason = "the log shows none of it"
    return Comparison(
        nothing, nothing, nothing, nothing, "none", level, margin, "not enough evidence", reason, n=0
    )


def _sentence(who: str, found: Comparison, needed: str) -> str:
    if not isfinite(found.low):
        return f"{who}: too little to say, {found.reason}"
    return f"{who}: {found.difference:+.4g}, lower bound {found.low:+.4g} ({needed} is needed)"


def _weeks_needed(
    found: Comparison, part: Rounds, cluster: Ints | None, *, weeks: float, rule: Rule
) -> float:
    """Return the weeks still to log before this comparison can be expected to say something."""
    if isfinite(found.low):
        return found.weeks_needed(part.n / weeks)
    log = diagnose(part, cluster=cluster)
    if not log.effective_rewards > 0:
        return inf
    factor = max(rule.rewards / log.effective_rewards, rule.size / log.ess)
    return float(ceil(max(factor - 1.0, 1.0 / weeks) * weeks))
