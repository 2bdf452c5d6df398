"""The weekly report of a workspace: read, calculated, drawn, and written as one page.

The page has no script and nothing from elsewhere; each claim has a picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from segue.experiments.evaluation.reports import weekly_figures as figures
from segue.experiments.evaluation.reports.html_report import STYLE
from segue.experiments.evaluation.reports.plots import as_data_uri
from segue.workspace.reports.week.effectiveness import Effectiveness
from segue.workspace.reports.week.fairness import FairnessRow
from segue.workspace.reports.week.mean_intervals import MeanInterval
from segue.workspace.reports.week.personalisation import Personalisation
from segue.workspace.reports.week.week_figures import week_figures
from segue.workspace.workspace import Workspace

LISTED = 10


@dataclass(frozen=True)
class WeeklyReport:
    """What a week showed, as figures, as a page, and as pictures by name."""

    effectiveness: Effectiveness
    personal: Personalisation
    fairness: tuple[FairnessRow, ...]
    page: str
    pictures: Mapping[str, Figure]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name, null where there is none."""
        return self.effectiveness.to_dict() | {
            "personalisation": self.personal.to_dict(),
            "fairness": [row.to_dict() for row in self.fairness],
            "notes": list(self.notes),
        }


def weekly_report(
    workspace: Workspace,
    week: str,
    *,
    now: datetime,
    rng: np.random.Generator,
    roster: pd.DataFrame | None = None,
) -> WeeklyReport:
    """Return the report of an ISO week; what it takes and refuses is said at `week_figures`."""
    found = week_figures(workspace, week, now=now, rng=rng, roster=roster)
    told, fair = found.effectiveness, found.fairness
    read = told.called(found.skills)
    page = report_page(read, now=now, personal=found.personal, fairness=fair, notes=found.notes)
    return WeeklyReport(told, found.personal, fair, page, pictures(read, fair), found.notes)


def pictures(report: Effectiveness, fairness: Sequence[FairnessRow] = ()) -> dict[str, Figure]:
    """Return the pictures of a report by name."""
    said = {"ratings": report.voice.ratings, "menus offered": report.voice.menus, **report.voice.statements}
    share = {"explored": report.explored_share, "chosen by the score": 1 - report.explored_share}
    beyond = "learning beyond forecast"
    drawn = {
        "trend": figures.trend(report.trend),
        "skills": figures.intervals(report.by_skill, xlabel=beyond),
        "classes": figures.intervals(report.by_class, xlabel=beyond),
        "resources": figures.resources(report.resources),
        "engagement": figures.engagement(report.engagement),
        "voice": figures.counts(said, xlabel="this week"),
        "exploring": figures.counts({k: v for k, v in share.items() if isfinite(v)}, xlabel="share of steps"),
    }
    if fairness:
        drawn["fairness"] = figures.fairness(fairness)
    return drawn


def report_page(
    report: Effectiveness,
    *,
    now: datetime,
    personal: Personalisation | None = None,
    fairness: Sequence[FairnessRow] = (),
    notes: Sequence[str] = (),
) -> str:
    """Return the report as HTML, in plain words under the four principles."""
    drawn = pictures(report, fairness)
    parts = [
        f"<h1>What worked in {escape(report.week)}</h1>",
        f'<p class="verdict{"" if report.learning.sign > 0 else " no"}">{escape(_headline(report))}</p>',
        _section(
            "Mastery-based: did they learn?",
            [*_learning(report), *_indicator(personal, "mastery-based")],
            drawn,
            ("trend", "skills", "classes"),
        ),
        _section(
            "Flexible: which resources teach?",
            [*_resources(report), *_indicator(personal, "flexible")],
            drawn,
            ("resources",),
        ),
        _section("Engagement beside learning", [_ENGAGED], drawn, ("engagement",)),
        _section(
            "Empowering: what students said and chose",
            [*_voice(report), *_indicator(personal, "empowering")],
            drawn,
            ("voice",),
        ),
        _section(
            "Tailored: is it personal?",
            [*_personal(report, personal), *_indicator(personal, "tailored")],
            drawn,
            ("exploring",),
        ),
        _fair(fairness, notes, drawn),
        f"<footer>Made {now:%Y-%m-%d %H:%M} UTC by Segue. Groups of fewer than five learners are not shown. "
        "Learning is the score of the next attempt on a later day beyond its forecast, averaged with the "
        "rise of the forecast; steps that a teacher set are left out.</footer>",
    ]
    title = f"What worked in {escape(report.week)}"
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    body = "\n".join(part for part in parts if part)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


_ENGAGED = "What is much done need not teach: each point is a skill; higher is more learned than forecast."


def _section(heading: str, lines: Sequence[str], drawn: Mapping[str, Figure], names: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    images = "".join(
        f'<img alt="{escape(heading)} ({escape(name)})" src="{as_data_uri(drawn[name])}">' for name in names
    )
    return f"<h2>{escape(heading)}</h2><ul>{items}</ul>{images}"


def _headline(report: Effectiveness) -> str:
    mean = report.learning
    if not mean.known:
        return "Not enough evidence: too few steps of too few learners showed their effect this week."
    words = {1: "Students learned more than forecast", -1: "Students learned less than forecast"}
    return f"{words.get(mean.sign, 'No difference from the forecast is shown')}: {mean} points of success."


def _learning(report: Effectiveness) -> list[str]:
    better = [name for name, mean in report.by_skill.items() if mean.sign > 0]
    worse = [name for name, mean in report.by_skill.items() if mean.sign < 0]
    return [
        f"Better than forecast: {', '.join(better) or 'no skill that can be told'}.",
        f"Worse than forecast: {', '.join(worse) or 'no skill that can be told'}.",
        f"Since last week: {_since(report.since_last_week)}.",
        f"{report.waiting:,} steps have not shown their effect yet; of {report.censored:,} it never will.",
    ]


def _since(change: MeanInterval) -> str:
    if not change.known:
        return "cannot be told"
    return f"{ {1: 'better', -1: 'worse'}.get(change.sign, 'no change is shown') }, {change}"


def _resources(report: Effectiveness) -> list[str]:
    told = report.told
    worse, better = told[told["effect"] < 0].iloc[::-1], told[told["effect"] > 0]
    listed = pd.concat([worse.head(LISTED), better.head(LISTED)])
    return [
        *(
            f"{one.title}: {one.verdict} on its skills, {one.effect:+.3f} "
            f"({one.low:+.3f} to {one.high:+.3f}; {one.steps} steps)."
            for one in listed.itertuples()
        ),
        f"Of {len(report.resources) - len(told)} of {len(report.resources)} resources it cannot be told yet.",
    ]


def _voice(report: Effectiveness) -> list[str]:
    voice = report.voice
    rated = f", {voice.mean_rating:.2f} on average" if isfinite(voice.mean_rating) else ""
    said = ", ".join(f"{count} {kind}" for kind, count in voice.statements.items()) or "none"
    return [
        f"{voice.ratings} ratings{rated}.",
        f"{voice.menus} steps let students choose.",
        f"Statements: {said}.",
    ]


def _personal(report: Effectiveness, personal: Personalisation | None) -> list[str]:
    cost = report.exploring
    lines = ["No step was given this week."]
    if isfinite(report.explored_share):
        lines = [f"{report.explored_share:.1%} of the steps were explored: chosen to find out more."]
    told = f"Explored steps taught {cost} beside the others." if cost.known else "The cost cannot be told."
    lines.append(told)
    return [*([] if personal is None else [str(personal)]), *lines]


def _indicator(personal: Personalisation | None, principle: str) -> list[str]:
    """Return the indicator of one of the four principles, as a sentence."""
    found = {} if personal is None else personal.principles
    return [
        f"Indicator, {name.partition(': ')[2]}: {share:.0%}."
        for name, share in found.items()
        if name.startswith(f"{principle}:") and isfinite(share)
    ]


def _fair(rows: Sequence[FairnessRow], notes: Sequence[str], drawn: Mapping[str, Figure]) -> str:
    if not rows and not notes:
        return ""
    left_out = "<h2>Is it fair?</h2>" + "".join(f"<p>{escape(note)}</p>" for note in notes)
    if not rows:
        return f"{left_out}<p>No group of five learners or more: nothing can be shown.</p>"
    cells = "".join(
        f"<tr><td>{escape(row.group)}</td><td>{escape(row.label)}</td><td>{escape(row.measure)}</td>"
        f"<td>{escape(row.shown)}</td><td>{escape(row.told)}</td></tr>"
        for row in rows
    )
    head = "<tr><th>group</th><th>label</th><th>measure</th><th>mean (interval)</th><th>beside all</th></tr>"
    picture = f'<img alt="Is it fair? (each beside all others)" src="{as_data_uri(drawn["fairness"])}">'
    return f"{left_out}<p>All intervals hold together.</p><table>{head}{cells}</table>{picture}"
