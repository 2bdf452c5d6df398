"""My plan and feedback: what a learner proposes and asks, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import get_args

from starlette.responses import Response

from segue.engine.explanations.own_plan import PlanStep
from segue.service.http.refusals import RefusedError
from segue.service.pages.layout import open_at, show
from segue.service.pages.sessions.forms import Form
from segue.service.pages.sessions.visits import Pages, Visit
from segue.service.pages.standing_list import shown, standing
from segue.service.pages.student.week_views import check_profiled
from segue.service.pages.words import called, finding_words, left_words, request_words
from segue.workspace.dialogue import own_plans, requests
from segue.workspace.dialogue.requests import Asks
from segue.workspace.practices.feedback_given import received_of

pages = Pages()
ROWS = 5  # steps of a plan's form
ASKS: dict[str, Asks] = {"talk": "talk", "contest": "contest", "suggest": "suggestion"}
assert set(ASKS.values()) == set(get_args(Asks))


@pages.get("/plan", "learner")
async def plan(visit: Visit) -> Response:
    """Show the plan that the learner made, what Segue says of it, and a form for a new one."""
    return show(visit, "plan", **await visit.tenant.aside(_plan, visit))


def _plan(visit: Visit) -> dict[str, object]:
    check_profiled(visit)
    space, who = visit.space, visit.ticket.who
    catalogue = space.catalogue()
    found = own_plans.plans_of(space, [who], now=visit.now)
    return {
        "plan": found[0] if found else None,
        "titles": {one.resource_id: one.title or one.resource_id for one in catalogue.resources},
        "resources": open_at(visit.now, catalogue),
        "rows": ROWS,
        "finding_words": partial(finding_words, visit.locale, catalogue),
        "left_words": lambda name, why: left_words(visit.locale, catalogue.resource(name), why),
    }


@pages.post("/propose", "learner")
async def propose(visit: Visit, form: Form) -> Response:
    """Send a plan to the teacher."""
    named = {one.title: one.resource_id for one in visit.space.catalogue().resources if one.title}
    steps = _steps(form, named)
    space, who = visit.space, visit.ticket.who
    await visit.tenant.do(standing, space, who, now=visit.now)
    made = await visit.tenant.do(own_plans.propose_plan, space, who, steps, now=visit.now)
    return visit.back("plan", said="proposed", undo=f"statement:{made.statement_id}")


def _steps(form: Form, named: Mapping[str, str]) -> list[PlanStep]:
    """Return the steps of a plan's form; a resource may be named by its title or its id."""
    steps = []
    for n in range(1, ROWS + 1):
        resource, activity = form.one(f"resource{n}"), form.one(f"activity{n}")
        minutes = form.one(f"minutes{n}")
        if resource or activity:
            resource = named.get(resource, resource)
            known = _number(minutes) if minutes else None
            steps.append(PlanStep("" if activity and not resource else resource, activity, known))
    return steps


def _number(said: str) -> float:
    try:
        return float(said.replace(",", "."))
    except ValueError:
        raise RefusedError(422, "minutes", "minutes are a number") from None


@pages.get("/feedback", "learner")
async def feedback(visit: Visit) -> Response:
    """Show what the learner asked and what came back."""
    return show(visit, "feedback", **await visit.tenant.aside(_feedback, visit))


def _feedback(visit: Visit) -> dict[str, object]:
    check_profiled(visit)
    space = visit.space
    catalogue = space.catalogue()
    asked = requests.requests_of(space, [visit.ticket.who])
    _, steps = shown(space, visit.ticket.who, now=visit.now)

    def follows(skills: Sequence[str]) -> tuple[str, str] | None:
        fit = [s for s in steps if s.state in ("open", "pinned") and set(skills) & set(s.resource.skills)]
        return (fit[0].resource.title or fit[0].resource.resource_id, fit[0].decision_id) if fit else None

    return {
        "received": received_of(space, visit.ticket.who),
        "called": partial(called, catalogue),
        "follows": follows,
        "skills": catalogue.skills,
        "resources": open_at(visit.now, catalogue),
        "lines": [request_words(visit.locale, catalogue, one) for one in reversed(asked)],
    }


@pages.post("/talk", "learner")
@pages.post("/contest", "learner")
@pages.post("/suggest", "learner")
async def ask(visit: Visit, form: Form) -> Response:
    """Ask the teacher for a talk, a look at a record, or to pass a resource on to the class."""
    kind = ASKS.get(visit.request.url.path.rpartition("/")[2])
    if kind is None:
        raise RefusedError(404, "no_page", "there is no such page")
    about = form.one("about") or form.one("skill") or form.one("resource")
    space, who = visit.space, visit.ticket.who
    await visit.tenant.do(standing, space, who, now=visit.now)
    made = await visit.tenant.do(requests.ask_teacher, space, who, kind, about, now=visit.now)
    return visit.back("feedback", said="asked", undo=f"statement:{made.statement_id}")
