"""Does it work? The weekly report of a class, in plain words under the four principles."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta
from math import isfinite

from starlette.responses import Response

from segue.engine.sampling.randomness import generator
from segue.features.iso_weeks import week_of
from segue.service.pages.layout import show
from segue.service.pages.sessions.visits import Pages, Visit
from segue.workspace.records.decision_queries import last_decision
from segue.workspace.records.events import last_number
from segue.workspace.reports.week.week_figures import WeekFigures, week_figures
from segue.workspace.sources.model_registry import current_fit

pages = Pages()
WEEKS, MOST = 4, 5


@pages.get("/report", "teacher")
async def report(visit: Visit) -> Response:
    """Show what a week taught, which resources teach, what learners said, and whether it is personal."""
    state = visit.request.app.state
    if not hasattr(state, "week_figures"):
        state.week_figures = OrderedDict()
    week = visit.request.query_params.get("week", "")
    values = await visit.tenant.aside(_report, visit, week, state.week_figures)
    return show(visit, "report", **values)


Known = OrderedDict[tuple[object, ...], WeekFigures | None]
MOST_KNOWN = 50


def _report(visit: Visit, asked: str, known: Known) -> dict[str, object]:
    space, roster = visit.space, visit.ticket.roster
    weeks = [week_of(visit.now - timedelta(days=7 * n), space.time_zone) for n in range(WEEKS)]
    week = asked if asked in weeks else weeks[0]
    with space.store.read() as connection:
        upto = (last_decision(connection), last_number(connection), current_fit(connection))
    name = (visit.tenant.name, week, visit.ticket.class_id, roster, visit.now.date(), *upto)
    if name not in known:
        rng = generator(space.configuration.seed, "report", week, visit.ticket.class_id, 0)
        try:
            known[name] = week_figures(space, week, now=visit.now, rng=rng, only=roster)
        except ValueError:  # nothing was logged up to that week
            known[name] = None
        while len(known) > MOST_KNOWN:
            known.popitem(last=False)
    found = known[name]
    return {
        "rows": space.class_view(roster, now=visit.now) if roster else (),
        "weeks": weeks,
        "week": week,
        "found": None if found is None else _told(found),
    }


def _told(found: WeekFigures) -> dict[str, object]:
    """Return what the page says of a week's figures."""
    told, personal = found.effectiveness, found.personal
    sure = told.told
    better = sure["effect"] > 0
    return {
        "learning": told.learning,
        "skills": [
            (found.skills.get(name, name), mean) for name, mean in told.by_skill.items() if mean.known
        ],
        "untold": sum(not mean.known for mean in told.by_skill.values()),
        "since": told.since_last_week,
        "waiting": told.waiting,
        "censored": told.censored,
        "more": sure["title"][better].head(MOST).tolist(),
        "less": sure["title"][~better].iloc[::-1].head(MOST).tolist(),
        "open": len(told.resources) - len(sure),
        "voice": told.voice,
        "said": told.voice.statements,
        "explored": told.explored_share if isfinite(told.explored_share) else None,
        "cost": told.exploring,
        "personal": personal if isfinite(personal.explained) else None,
    }
