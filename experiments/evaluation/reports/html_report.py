"""A page of one file for a school's data lead: the verdict in a sentence, the picture, the caveats."""

from __future__ import annotations

from datetime import datetime
from html import escape

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from segue.experiments.evaluation.intervals.hidden_confounding import told
from segue.experiments.evaluation.reports.plots import as_data_uri, forest, weights
from segue.experiments.evaluation.verdicts.evaluation_result import Evaluation

STYLE = """
:root { color-scheme: light }
body { font: 16px/1.55 system-ui, sans-serif; color: #1f2933 }
body { max-width: 46rem; margin: 3rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2.2rem }
.verdict { border-left: 5px solid #2f7d6d; padding: .6rem 1rem; background: #f2f7f5; font-size: 1.1rem }
.verdict.no { border-color: #b4552d; background: #fbf3ef }
table { border-collapse: collapse; width: 100%; font-size: .92rem }
th, td { text-align: right; padding: .25rem .5rem; border-bottom: 1px solid #e4e7eb }
th:first-child, td:first-child, th:last-child, td:last-child { text-align: left }
img { max-width: 100% } footer { color: #52606d; font-size: .85rem; margin-top: 3rem }
"""


def report(
    evaluation: Evaluation, weight: NDArray[np.float64], *, title: str, logged_value: float, now: datetime
) -> str:
    """Return the evaluation as HTML with its pictures inside; it loads nothing from elsewhere.

    Parameters
    ----------
    evaluation : Evaluation
    weight : array (n,)
        Importance weights of the rounds.
    title : str
        What was evaluated, in the reader's words.
    logged_value : float
        Mean reward of the policy that logged, to compare with.
    now : datetime
        Printed at the foot.
    """
    enough = evaluation.verdict == "enough evidence"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="verdict{"" if enough else " no"}">{escape(_verdict(evaluation, logged_value))}</p>',
        _picture("Estimates", forest(evaluation.estimates, reference=logged_value), _READ_FOREST),
        _table(evaluation),
        _groups(evaluation),
        _picture("What the log can say", weights(weight), _READ_WEIGHTS),
        _caveats(evaluation),
        f"<footer>Made {now:%Y-%m-%d %H:%M} UTC by Segue.</footer>",
    ]
    body = "\n".join(part for part in parts if part)
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


_READ_FOREST = (
    "Each line is one way to estimate the same figure; a filled circle has an interval. "
    "The dashed line is what the policy that made the log earned."
)
_READ_WEIGHTS = (
    "How often the new policy would do what was logged, compared with the old one. "
    "Few large weights mean that the answer rests on few steps."
)


def _verdict(evaluation: Evaluation, logged_value: float) -> str:
    headline = evaluation.headline
    if evaluation.verdict == "not enough evidence":
        return f"Not enough evidence: {evaluation.reason}. Log longer, or explore more, before deciding."
    gain = evaluation.versus_logging
    words = {"ship": "better than", "do not ship": "worse than"}
    relation = words.get(gain.verdict if gain else "", "not shown to differ from")
    return (
        f"The new policy is {relation} the logged one: {headline.value:.4g} per step "
        f"({headline.level:.0%} interval {headline.low:.4g} to {headline.high:.4g}), "
        f"against {logged_value:.4g}."
    )


def _picture(heading: str, figure: Figure, words: str) -> str:
    return f'<h2>{heading}</h2><img alt="{escape(words)}" src="{as_data_uri(figure)}"><p>{escape(words)}</p>'


def _table(evaluation: Evaluation) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{e.value:.5g}</td><td>{_number(e.se)}</td>"
        f"<td>{_number(e.low)}</td><td>{_number(e.high)}</td><td>{escape(e.interval)}</td></tr>"
        for name, e in evaluation.estimates.items()
    )
    head = "<tr><th>estimator</th><th>value</th><th>error</th><th>low</th><th>high</th><th>interval</th></tr>"
    return f"<table>{head}{rows}</table>"


def _groups(evaluation: Evaluation) -> str:
    if not evaluation.groups:
        return ""
    rows = "".join(
        f"<li>{escape(name)}: {escape(str(g.headline))}</li>" for name, g in evaluation.groups.items()
    )
    return f"<h2>By group (intervals hold together)</h2><ul>{rows}</ul>"


def _caveats(evaluation: Evaluation) -> str:
    found = evaluation.diagnostics
    lines = [
        "The figure is the value of one step chosen by the new policy, after which the old one goes on.",
        f"{found.n:,} steps count as {found.ess:,.0f} for the new policy; the largest weight is "
        f"{found.max_weight:.3g} ({found.share_of_max:.1%} of all).",
        f"The weights average {found.mean_weight:.4g}; with true propensities they average 1.",
        *([] if evaluation.flips_at is None else [told(evaluation.flips_at)]),
        *evaluation.warnings,
    ]
    return "<h2>Read with care</h2><ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.4g}"
