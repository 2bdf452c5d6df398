"""Pictures of a report, each a function that returns a matplotlib Figure; nothing is shown or saved here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from segue.engine.explanations.taught import UNTOLD
from segue.experiments.evaluation.reports.plots import BAD, GOOD, INK, QUIET, canvas
from segue.workspace.reports.week.fairness import FairnessRow
from segue.workspace.reports.week.mean_intervals import MeanInterval

MOST = 24  # lines of one picture
MOST_FAIR = 60


def intervals(means: Mapping[str, MeanInterval], *, xlabel: str) -> Figure:
    """Return one line a label: its mean and interval; labels without one are left out."""
    known = [(name, mean) for name, mean in means.items() if mean.known][:MOST]
    figure, axes = canvas(7.0, 1.0 + 0.3 * max(len(known), 1))
    for row, (_, mean) in enumerate(reversed(known)):
        axes.plot([mean.low, mean.high], [row, row], color=INK, linewidth=1.6)
        axes.plot(mean.mean, row, "o", color=INK, markersize=5)
    axes.axvline(0.0, color=QUIET, linestyle="--", linewidth=1)
    axes.set_yticks(range(len(known)), [name[:40] for name, _ in reversed(known)])
    axes.set_xlabel(xlabel)
    return figure


def resources(taught: pd.DataFrame) -> Figure:
    """Return the best and the worst resources beside others of their skills; the mark says the verdict."""
    some = taught if len(taught) <= MOST else taught.iloc[[*range(MOST // 2), *range(-MOST // 2, 0)]]
    figure, axes = canvas(7.0, 1.0 + 0.3 * max(len(some), 1))
    for row, one in enumerate(some.iloc[::-1].to_dict("records")):
        told = ("^", GOOD) if one["effect"] > 0 else ("v", BAD)
        mark, colour = ("o", QUIET) if one["verdict"] == UNTOLD else told
        axes.plot([one["low"], one["high"]], [row, row], color=colour, linewidth=1.4)
        axes.plot(one["effect"], row, mark, color=colour, markersize=6)
    axes.axvline(0.0, color=QUIET, linestyle="--", linewidth=1)
    axes.set_yticks(range(len(some)), some["title"].str[:40].tolist()[::-1])
    axes.set_xlabel("better than after others of its skills (triangles: told; circles: cannot be told yet)")
    return figure


def trend(means: Mapping[str, MeanInterval]) -> Figure:
    """Return learning week by week with its interval."""
    known = {name: mean for name, mean in means.items() if mean.known}
    figure, axes = canvas(7.0, 2.8)
    for at, mean in enumerate(known.values()):
        axes.plot([at, at], [mean.low, mean.high], color=INK, linewidth=1.6)
    axes.plot(range(len(known)), [mean.mean for mean in known.values()], "o-", color=INK, markersize=5)
    axes.axhline(0.0, color=QUIET, linestyle="--", linewidth=1)
    axes.set_xticks(range(len(known)), list(known))
    axes.set_ylabel("learning beyond forecast")
    return figure


def engagement(table: pd.DataFrame) -> Figure:
    """Return each skill's share of steps done beside its learning."""
    figure, axes = canvas(5.0, 3.2)
    there = table.dropna(subset=["learning"]) if len(table) else table
    axes.plot(there["done"], there["learning"], "o", color=INK, markersize=5)
    for skill, done, learning in zip(there["skill"], there["done"], there["learning"], strict=True):
        axes.annotate(str(skill)[:30], (float(done), float(learning)), fontsize=7, color=QUIET)
    axes.axhline(0.0, color=QUIET, linestyle="--", linewidth=1)
    axes.set_xlabel("share of steps done")
    axes.set_ylabel("learning beyond forecast")
    return figure


def fairness(rows: Sequence[FairnessRow]) -> Figure:
    """Return each label's difference to all others in its interval's half widths: beyond 1 it is told."""
    known = [row for row in rows if row.beside.known and row.beside.high > row.beside.low][:MOST_FAIR]
    figure, axes = canvas(7.0, 1.0 + 0.25 * max(len(known), 1))
    for place, row in enumerate(reversed(known)):
        at = 2 * row.beside.mean / (row.beside.high - row.beside.low)
        colour = BAD if row.beside.sign else INK
        axes.plot([at - 1, at + 1], [place, place], color=colour, linewidth=1.4)
        axes.plot(at, place, "o", color=colour, markersize=4)
    axes.axvline(0.0, color=QUIET, linestyle="--", linewidth=1)
    axes.set_yticks(
        range(len(known)), [f"{row.group} {row.label}: {row.measure}"[:40] for row in reversed(known)]
    )
    axes.set_xlabel("difference to all others, in half widths of its interval")
    return figure


def counts(numbers: Mapping[str, float], *, xlabel: str) -> Figure:
    """Return bars of counts or shares."""
    figure, axes = canvas(6.0, 0.8 + 0.35 * max(len(numbers), 1))
    names = list(numbers)
    axes.barh(range(len(names)), [numbers[name] for name in reversed(names)], color=QUIET)
    axes.set_yticks(range(len(names)), list(reversed(names)))
    axes.set_xlabel(xlabel)
    return figure
