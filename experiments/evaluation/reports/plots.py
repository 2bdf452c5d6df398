"""Pictures of evidence, each a function that returns a matplotlib Figure; nothing is shown or saved here."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from math import isfinite

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from segue.experiments.evaluation.verdicts.evaluation_result import Estimate

INK, QUIET, GOOD, BAD = "#1f2933", "#9aa5b1", "#2f7d6d", "#b4552d"
Floats = NDArray[np.float64]


def forest(estimates: Mapping[str, Estimate], *, reference: float | None = None) -> Figure:
    """Return every estimate with its interval, one a line; a bare circle has none.

    `reference` draws a line to compare with, for example the value of the policy that logged.
    """
    figure, axes = canvas(7.0, 0.9 + 0.34 * len(estimates))
    for row, (name, estimate) in enumerate(reversed(list(estimates.items()))):
        if isfinite(estimate.low):
            axes.plot([estimate.low, estimate.high], [row, row], color=INK, linewidth=1.6)
        filled = INK if isfinite(estimate.low) else "white"
        axes.plot(estimate.value, row, "o", color=INK, markerfacecolor=filled, markersize=5, label=name)
    axes.set_yticks(range(len(estimates)), list(reversed(list(estimates))))
    if reference is not None:
        axes.axvline(reference, color=QUIET, linestyle="--", linewidth=1)
    axes.set_xlabel("value per step")
    return figure


def weights(weight: Floats) -> Figure:
    """Return the histogram of the positive importance weights on a logarithmic axis."""
    positive = weight[weight > 0]
    figure, axes = canvas(7.0, 2.6)
    if positive.size:
        low, high = np.log10(positive.min()), np.log10(positive.max())
        axes.hist(positive, bins=np.logspace(low - 0.01, high + 0.01, 40).tolist(), color=QUIET)
        axes.set_xscale("log")
    axes.axvline(1.0, color=INK, linewidth=1)
    axes.set_xlabel("importance weight (logarithmic)")
    axes.set_ylabel("steps")
    return figure


def reliability(probability: Floats, outcome: Floats, *, n_bins: int = 15) -> Figure:
    """Return observed success against predicted probability in `n_bins` bins of equal mass."""
    order = np.argsort(probability, kind="stable")
    bins = [b for b in np.array_split(order, n_bins) if b.size]
    figure, axes = canvas(4.2, 4.0)
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1)
    axes.plot([probability[b].mean() for b in bins], [outcome[b].mean() for b in bins], "o-", color=INK, ms=4)
    axes.set_xlabel("predicted probability of success")
    axes.set_ylabel("observed share of successes")
    return figure


def mastery_map(mastery: pd.DataFrame, *, title: str = "") -> Figure:
    """Return mastery by learner (rows of `mastery`) and skill (columns), each in [0, 1]; NaN stays blank."""
    figure, axes = canvas(2.5 + 0.22 * mastery.shape[1], 1.8 + 0.2 * mastery.shape[0])
    norm = TwoSlopeNorm(vmin=0.0, vcenter=0.5, vmax=1.0)
    image = axes.imshow(mastery.to_numpy(dtype=np.float64), cmap="BrBG", norm=norm, aspect="auto")
    axes.set_xticks(range(mastery.shape[1]), [str(c) for c in mastery.columns], rotation=90, fontsize=7)
    axes.set_yticks(range(mastery.shape[0]), [str(r) for r in mastery.index], fontsize=7)
    axes.set_title(title, fontsize=10, loc="left")
    figure.colorbar(image, ax=axes, shrink=0.6, label="probability of success")
    return figure


def gain_by_policy(gains: pd.DataFrame) -> Figure:
    """Return normalised gain by policy and student model.

    Parameters
    ----------
    gains : DataFrame
        Index: policies; columns: student models; values: mean normalised gain (0 random, 1 clairvoyant).
    """
    figure, axes = canvas(7.5, 1.2 + 0.42 * len(gains))
    for row, (_, values) in enumerate(gains.iloc[::-1].iterrows()):
        numbers = values.to_numpy(dtype=np.float64)
        axes.plot([numbers.min(), numbers.max()], [row, row], color=QUIET, linewidth=1)
        axes.plot(numbers, np.full(numbers.size, row), "o", color=QUIET, markersize=4)
        axes.plot(numbers.min(), row, "o", color=BAD, markersize=5)
        axes.plot(numbers.mean(), row, "D", color=GOOD, markersize=6)
    axes.axvline(0.0, color=INK, linewidth=1)
    axes.set_yticks(range(len(gains)), [str(p) for p in gains.index[::-1]])
    axes.set_xlabel("normalised gain: diamond = mean, red = worst student model, 0 = random")
    return figure


def learning_curves(curves: Mapping[str, Floats], *, ylabel: str = "true mastery gained, mean") -> Figure:
    """Return what a class has gained week by week under each policy, with the 95 % interval of its mean.

    Parameters
    ----------
    curves : mapping of str to (weeks + 1, learners)
        What each learner knows before the first week and after each.
    """
    figure, axes = canvas(7.0, 3.6)
    for at, (name, of) in enumerate(curves.items()):
        gained = of - of[0]
        weeks, mean = np.arange(len(of)), gained.mean(axis=1)
        reach = 1.96 * gained.std(axis=1, ddof=1) / np.sqrt(of.shape[1])
        axes.plot(weeks, mean, label=name, color=f"C{at}")
        axes.fill_between(weeks, mean - reach, mean + reach, color=f"C{at}", alpha=0.15, linewidth=0)
    axes.set(xlabel="week", ylabel=ylabel)
    axes.legend(frameon=False, fontsize=8)
    return figure


def as_data_uri(figure: Figure) -> str:
    """Return the figure as an SVG data address, for a page of one file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure that belongs to no global state, with quiet axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
