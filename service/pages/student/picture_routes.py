"""What Segue thinks of me: the picture, what the learner says of it, and the list that would follow."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from starlette.responses import Response

from segue.engine.requests.request import Goal
from segue.features.catalogue import Catalogue
from segue.service.http.refusals import RefusedError
from segue.service.pages.layout import show
from segue.service.pages.sessions.forms import Form, asked
from segue.service.pages.sessions.visits import Pages, Visit
from segue.service.pages.standing_list import OPTIONS, STEPS, standing
from segue.service.pages.student.week_views import check_profiled
from segue.service.pages.texts import translations
from segue.service.pages.words import aim
from segue.service.tenant.work_told import Worked, told
from segue.workspace.dialogue import negotiation
from segue.workspace.dialogue.negotiation import PictureChange

pages = Pages()
FRESH_MINUTES = 60  # a preview may be saved for this long
KEPT = ("kind", "skill", "says", "due", "drop", "tag")


@pages.get("/me", "learner", "parent")
async def me(visit: Visit) -> Response:
    """Show strengths, needs, interests and goal, and what may be said of them."""
    values = await visit.tenant.aside(_picture, visit)
    return show(visit, "me", **values)


def _picture(visit: Visit) -> dict[str, object]:
    check_profiled(visit)
    space, who = visit.space, visit.ticket.who
    catalogue, said = space.catalogue(), negotiation.standing(space, who)
    profile = space.profile(who, now=visit.now)
    goal = said.goal
    names = [aim(catalogue, skill) for skill in (goal.skills if goal else ())]
    return {
        "profile": profile,
        "claims": {claim.skill: claim for claim in said.claims},
        "trust": said.trust,
        "last": said.last,
        "goal": goal,
        "goal_names": names,
        "skills": catalogue.skills,
        "tags": catalogue.tag_ids,
        "stated": {line.tag for line in profile.interests if line.stated},
        "tomorrow": (visit.now.astimezone(_zone(visit)) + timedelta(days=1)).date().isoformat(),
        "may_edit": visit.ticket.role == "learner",
    }


@pages.post("/preview", "learner")
async def try_change(visit: Visit, form: Form) -> Response:
    """Go and look at what would follow from a change."""
    return visit.look("preview", form)


@pages.get("/preview", "learner")
async def preview(visit: Visit) -> Response:
    """Show the list that would follow from a change, before it is saved."""
    form = asked(visit.request)
    change, tenant, space, who = _change(visit, form), visit.tenant, visit.space, visit.ticket.who
    await tenant.do(standing, space, who, now=visit.now)
    found = await tenant.aside(negotiation.preview, space, who, change, now=visit.now, k=STEPS, menu=OPTIONS)
    catalogue = space.catalogue()
    _, now_steps = await tenant.aside(standing, space, who, now=visit.now)
    before = [step.resource for step in now_steps if step.state not in ("removed", "done")]
    after = [catalogue.resource(name) for name in found.after]
    fields = [(key, value) for key, value in form.fields if key in KEPT]
    return show(
        visit,
        "preview",
        what=_words(visit, change, catalogue),
        before=before,
        after=after,
        before_ids={one.resource_id for one in before},
        after_ids=set(found.after),
        changed=[one.resource_id for one in before] != list(found.after),
        fields=[*fields, ("now", visit.now.isoformat())],
    )


@pages.post("/save", "learner")
async def save(visit: Visit, form: Form) -> Response:
    """Save a change that was looked at; the list shown is the one that is in force from now on."""
    change, seen = _change(visit, form), _moment(form, visit.now)
    statement = await visit.tenant.do(
        negotiation.save_change, visit.space, visit.ticket.who, change, now=seen, k=STEPS, menu=OPTIONS
    )
    response = visit.back("me", said="saved", undo=f"statement:{statement.statement_id}")
    return told(visit.request, visit.tenant, response, Worked([visit.ticket.who]))


def _change(visit: Visit, form: Form) -> PictureChange:
    kind, skill = form.one("kind"), form.one("skill")
    if kind == "claim" and form.one("says") in ("know", "help"):
        return PictureChange(skill=skill, says="know" if form.one("says") == "know" else "help")
    if kind == "interests":
        return PictureChange(interests=form.all("tag"))
    if kind == "goal" and form.one("drop"):
        return PictureChange(drop_goal=True)
    if kind == "goal":
        try:
            due = _end_of(date.fromisoformat(form.one("due")), _zone(visit)) if form.one("due") else None
        except ValueError:
            raise RefusedError(422, "statement", "a goal's date must be a day") from None
        return PictureChange(goal=Goal((skill,), due))
    raise RefusedError(422, "statement", "say what is to change")


def _zone(visit: Visit) -> ZoneInfo:
    return ZoneInfo(visit.space.time_zone)


def _end_of(day: date, zone: ZoneInfo) -> datetime:
    """Return the last second of a day: what is due by a day may be done on it."""
    return datetime.combine(day, time(23, 59, 59), zone)


def _moment(form: Form, now: datetime) -> datetime:
    """Return when the preview was made: what is saved is drawn as it was."""
    try:
        seen = datetime.fromisoformat(form.one("now"))
    except ValueError:
        seen = now
    if seen.tzinfo is None or not timedelta(0) <= now - seen <= timedelta(minutes=FRESH_MINUTES):
        return now
    return seen


def _words(visit: Visit, change: PictureChange, catalogue: Catalogue) -> str:
    _ = translations(visit.locale).gettext
    if change.says == "know":
        return _("You say that you know this: %(skill)s") % {"skill": aim(catalogue, change.skill)}
    if change.says == "help":
        return _("You say that you need help here: %(skill)s") % {"skill": aim(catalogue, change.skill)}
    if change.goal is not None:
        return _("Your goal would be: %(skill)s") % {"skill": aim(catalogue, change.goal.skills[0])}
    if change.interests is not None:
        return _("Your interests would be: %(tags)s") % {"tags": ", ".join(change.interests)}
    return _("You would have no goal any more.")
