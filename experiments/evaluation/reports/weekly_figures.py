"""Pictures of a report, each a function that returns a matplotlib Figure; nothing is shown or saved here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

import pandas as pd
from matplotlib.figure import Figure

from segue.experiments.evaluation.reports.plots import BAD, GOOD, INK, QUIET, canvas
from segue.workspace.reports.week.fairness import FairnessRow
from segue.workspace.reports.week.mean_intervals import MeanInterval
from segue.workspace.reports.week.resource_verdicts import ResourceVerdict

MOST = 24  # lines of one picture
MOST_FAIR = 60
MARKS = {"teaches more": ("^", GOOD), "teaches less": ("v", BAD), "cannot be told yet": ("o", QUIET)}


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


def resources(verdicts: Sequence[ResourceVerdict], titles: Mapping[str, str]) -> Figure:
    """Return the surest resources: how far beyond the others of their skill; the mark says the verdict."""
    some = [one for one in verdicts if isfinite(one.beyond)][:MOST]
    figure, axes = canvas(7.0, 1.0 + 0.3 * max(len(some), 1))
    for row, one in enumerate(reversed(some)):
        mark, colour = MARKS[one.verdict]
        half = 1.96 * one.se
        axes.plot([one.beyond - half, one.beyond + half], [row, row], color=colour, linewidth=1.4)
        axes.plot(one.beyond, row, mark, color=colour, markersize=6)
    axes.axvline(0.0, color=QUIET, linestyle="--", linewidth=1)
    axes.set_yticks(range(len(some)), [titles.get(one.resource, one.resource)[:40] for one in reversed(some)])
    axes.set_xlabel("learning beyond others of its skill (triangles: told; circles: cannot be told yet)")
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
