"""What an evaluation answers: estimates that never stand alone, with a verdict, as words, table or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from math import isfinite
from typing import Any, Literal

import pandas as pd

from segue.experiments.evaluation.intervals.closed_form import Interval
from segue.experiments.evaluation.intervals.hidden_confounding import flipping_strength, told
from segue.experiments.evaluation.logs.logged_data import Log
from segue.experiments.evaluation.verdicts.diagnostics import Diagnostics
from segue.experiments.evaluation.verdicts.policy_comparison import Comparison
from segue.features.events.outward_text import finite
from segue.features.events.row_faults import Rejected

Verdict = Literal["enough evidence", "not enough evidence"]
SHOWN = ("n", "ess", "max_weight", "share_of_max", "mean_weight", "unseen_support", "effective_rewards")


@dataclass(frozen=True)
class Estimate:
    """One estimate that never stands alone; prints as one sentence.

    `low` and `high` are NaN when there is no interval; `interval` then says why. `se` is NaN where no
    standard error would be honest. `others` holds intervals the rule did not choose, for comparison only.
    """

    name: str
    value: float
    se: float
    low: float
    high: float
    interval: str
    level: float
    diagnostics: Diagnostics
    verdict: Verdict
    reason: str
    caveat: str = ""
    others: Mapping[str, Interval] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the estimate, its interval and what it rests on, or the refusal and its reason."""
        found = self.diagnostics
        if self.verdict == "not enough evidence":
            return f"{self.name}: not enough evidence — {self.reason}."
        rests = (
            f"effective sample size {found.ess:,.0f} of {found.n:,}, largest weight {found.max_weight:.3g} "
            f"({found.share_of_max:.1%} of all), weights average {found.mean_weight:.3g}"
        )
        if not isfinite(self.low):
            return f"{self.name}: {self.value:.4g}, without an interval ({self.interval}); {rests}."
        caveat = f"; {self.caveat}" if self.caveat else ""
        return (
            f"{self.name}: {self.value:.4g}, {self.level:.0%} interval {self.low:.4g} to {self.high:.4g} "
            f"({self.interval}{caveat}); {rests}."
        )


@dataclass(frozen=True)
class Evaluation:
    """All estimates of one policy on one log, and the same by group (simultaneous intervals)."""

    estimates: Mapping[str, Estimate]
    diagnostics: Diagnostics
    verdict: Verdict
    reason: str
    warnings: tuple[str, ...] = ()
    groups: Mapping[str, Evaluation] = field(default_factory=dict)
    rejected: Rejected = field(default_factory=Rejected)
    versus_logging: Comparison | None = None
    log: Log | None = field(default=None, repr=False, compare=False)

    @property
    def headline(self) -> Estimate:
        """The estimate to quote, fixed beforehand: SNDR with predictions, else SNIPS."""
        return self.estimates["SNDR" if "SNDR" in self.estimates else "SNIPS"]

    @cached_property
    def flips_at(self) -> float | None:
        """How much hidden confounding undoes the verdict against the policy that logged; None without one.

        See `flipping_strength`.
        """
        gain, log = self.versus_logging, self.log
        if log is None or gain is None or gain.verdict == "not enough evidence":
            return None
        return flipping_strength(
            log.reward,
            log.propensity,
            target=log.target,
            baseline=float(log.reward.mean()),
            cluster=log.cluster,
            level=gain.level,
        )

    def table(self) -> pd.DataFrame:
        """Return one row an estimate, and beside each figure what it rests on."""
        found = {name: getattr(self.diagnostics, name) for name in SHOWN}
        rows = {name: _figures(e) | found | {"verdict": e.verdict} for name, e in self.estimates.items()}
        columns = ["estimate", "se", "low", "high", "interval", *SHOWN, "verdict"]
        return pd.DataFrame.from_dict(rows, orient="index")[columns]

    def to_dict(self) -> dict[str, Any]:
        """Return what `segue evaluate --json` prints: no NaN, null where there is no figure."""
        out: dict[str, Any] = {
            "estimates": {name: _figures(estimate) for name, estimate in self.estimates.items()},
            "diagnostics": asdict(self.diagnostics),
            "verdict": self.verdict,
            "reason": self.reason,
            "warnings": list(self.warnings),
        }
        if self.versus_logging is not None:
            out["versus_logging"] = self.versus_logging.to_dict()
            out["sensitivity"] = {"flipping_strength": self.flips_at}
        if self.groups:
            out["groups"] = {name: group.to_dict() for name, group in self.groups.items()}
        out["rejected"] = asdict(self.rejected)
        return {key: finite(value) for key, value in out.items()}

    def __str__(self) -> str:
        """Return the verdict, the headline and the caveats, one sentence each."""
        lines = [str(self.headline), *self.warnings]
        if self.versus_logging is not None:
            lines.append(f"Against the policy that logged — {self.versus_logging}")
        if self.flips_at is not None:
            lines.append(told(self.flips_at))
        lines += [f"{name} — {group.headline}" for name, group in self.groups.items()]
        return "\n".join(lines)


def _figures(estimate: Estimate) -> dict[str, Any]:
    """Return the figures of one estimate."""
    shown = ("se", "low", "high", "interval", "level")
    out: dict[str, Any] = {"estimate": estimate.value} | {name: getattr(estimate, name) for name in shown}
    if estimate.caveat:
        out["caveat"] = estimate.caveat
    if estimate.others:
        out["others"] = {method: [i.low, i.high] for method, i in estimate.others.items()}
    return out
