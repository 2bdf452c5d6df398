"""The gate before a new policy: promoted only if it is better overall and harms no declared group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from math import ceil, inf, isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segue.experiments.evaluation.estimators.single_step import NIL, Ints, Rounds
from segue.experiments.evaluation.intervals.closed_form import Bounds, bounds_of
from segue.experiments.evaluation.logs.labels import labels_of
from segue.experiments.evaluation.logs.logged_data import Log
from segue.experiments.evaluation.verdicts.cautions import cautions_of
from segue.experiments.evaluation.verdicts.diagnostics import diagnose
from segue.experiments.evaluation.verdicts.interval_rule import RULE
from segue.experiments.evaluation.verdicts.policy_comparison import Comparison, compare, logging_policy
from segue.features.events.outward_text import finite
from segue.features.events.text_dialects import label_of
from segue.models.cluster_errors import recoded

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
        margins = {label_of(name): margin for name, margin in self.group_margins.items()}
        return margins.get(group, self.group_margin)


@dataclass(frozen=True)
class GatePassage:
    """What the gate decided, and on what.

    `weeks_needed` is how many more weeks of such a log would decide what is still open (0 when nothing is,
    inf when no number of weeks would). `without_group` counts rounds whose group is missing: they count
    overall, and protect nobody.
    """

    decision: Decision
    reasons: tuple[str, ...]
    overall: Comparison
    groups: Mapping[str, Comparison]
    weeks_needed: float
    without_group: int = 0
    cautions: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name, null where there is none."""
        groups = {name: comparison.to_dict() for name, comparison in self.groups.items()}
        figures = {name: finite(value) for name, value in asdict(self).items()}
        return figures | {"overall": self.overall.to_dict(), "groups": groups}

    def __str__(self) -> str:
        """Return the decision and its reasons, one sentence each."""
        lines = [f"{self.decision.capitalize()}.", *(f"{reason}." for reason in self.reasons)]
        if self.decision == "hold" and 0 < self.weeks_needed < inf:
            lines.append(f"About {self.weeks_needed:.0f} more weeks of such a log would decide.")
        if self.without_group:
            lines.append(f"{self.without_group:,} rounds have no group: they protect nobody.")
        lines += self.cautions
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
    refused: str = "",
) -> GatePassage:
    """Return whether the challenger may become the champion.

    An intersection-union test (Berger 1982): every bound is taken at α and all must hold, so that a policy
    that fails any of them is promoted with probability at most α, without a correction for their number.

    Parameters
    ----------
    challenger : Rounds
    champion : Rounds, optional
        The policy in use; by default the one that logged.
    group : array of labels (n,), optional
        Label of each round (see `labels_of`); a missing one belongs to no group, and is counted.
    declared : tuple of str
        Groups to protect; by default every label. A declared group that the log does not show means hold.
    cluster : array of int (n,), optional
    weeks : float
        Weeks the log covers.
    bounds : Bounds, optional
        Reward range and largest weight; `bounds_of` the rounds if not given.
    rules : GateRules, optional
        What must be shown; margins in the reward's unit.
    refused : str
        Why the log as a whole gives no answer, if it does not: hold.
    """
    rules = rules or GateRules()
    champion = champion or logging_policy(challenger)
    bounds = bounds or bounds_of(challenger)
    labels = None if group is None else labels_of(group)

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
            refused=refused,
        )
        return found, _weeks_needed(found, part, own, weeks=weeks)

    overall, wait = one(np.ones(challenger.n, dtype=np.bool_), 0.0)
    nil = NIL * float(np.abs(challenger.reward).max(initial=0.0))
    waits = {"": 0.0 if overall.low > rules.margin + nil else wait}
    groups: dict[str, Comparison] = {}
    for name in _declared(labels, declared):
        assert labels is not None
        groups[name], wait = one(np.asarray(labels == name), rules.margin_of(name))
        waits[name] = 0.0 if groups[name].low > -rules.margin_of(name) else wait
    decision, reasons = _decide(overall, groups, rules, nil)
    return GatePassage(
        decision,
        reasons,
        overall,
        groups,
        max(waits.values()) if decision == "hold" else 0.0,
        0 if labels is None else int((labels == "").sum()),
    )


def gate_log(
    log: Log,
    *,
    declared: tuple[str, ...] = (),
    weeks: float = 1.0,
    reward_range: tuple[float, float] | None = None,
    rules: GateRules | None = None,
) -> GatePassage:
    """Return what the gate says of a log: what refuses the log, or one of its groups, means hold.

    Raises
    ------
    ValueError
        If `reward_range` is none, or the log contradicts it.
    """
    rounds = log.rounds()
    rejected = (f"{log.rejected}.",) if log.rejected.n else ()
    bounds = bounds_of(rounds, reward_range=reward_range)
    passage = gate(
        rounds,
        group=log.group,
        declared=declared,
        cluster=log.cluster,
        weeks=weeks,
        bounds=bounds,
        rules=rules,
        refused=RULE.refusal_of_log(log.lost),
    )
    width = passage.overall.high - passage.overall.low
    cautions = cautions_of(log, rounds, bounds=bounds, width=width)
    return replace(passage, cautions=(*cautions, *rejected))


def gate_comparison(overall: Comparison, *, rules: GateRules | None = None) -> GatePassage:
    """Return what the gate says of a comparison that was made elsewhere, such as an experiment in class."""
    rules = rules or GateRules()
    decision, reasons = _decide(overall, {}, rules, 0.0)
    return GatePassage(decision, reasons, overall, {}, 0.0)


def _declared(group: NDArray[np.object_] | None, declared: tuple[str, ...]) -> tuple[str, ...]:
    if group is None:
        if declared:
            raise ValueError(f"groups {declared} are declared, but the log has no group column: name it")
        return ()
    names = tuple(map(label_of, declared))
    if "" in names:
        raise ValueError("an empty label is no group: it cannot be declared")
    return names or tuple(str(name) for name in np.unique(group) if name)


def _decide(
    overall: Comparison, groups: Mapping[str, Comparison], rules: GateRules, nil: float
) -> tuple[Decision, tuple[str, ...]]:
    """Reject what is shown to fail, promote what is shown to hold everywhere, hold the rest."""
    failed: list[str] = []
    opened: list[str] = []
    if not overall.low > rules.margin + nil:
        shown = overall.high < rules.margin - nil
        (failed if shown else opened).append(_sentence("Overall", overall, f"above {rules.margin:g}"))
    for name, found in groups.items():
        limit = -rules.margin_of(name)
        if not found.low > limit + nil:
            (failed if found.high < limit - nil else opened).append(
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


def _weeks_needed(found: Comparison, part: Rounds, cluster: Ints | None, *, weeks: float) -> float:
    """Return the weeks still to log before this comparison can be expected to say something."""
    if isfinite(found.low):
        return found.weeks_needed(part.n / weeks)
    log = diagnose(part, cluster=cluster)
    if not RULE.events(log) > 0:
        return inf
    factor = max(RULE.rewards / RULE.events(log), RULE.size / log.ess)
    return float(ceil(max(factor - 1.0, 1.0 / weeks) * weeks))
