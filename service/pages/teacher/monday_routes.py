"""Before Monday: a class's lists of a week, and what the teacher does with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from starlette.responses import Response

from segue.engine.explanations.own_plan import shut
from segue.engine.explanations.why import lost
from segue.features.iso_weeks import start_of, week_of
from segue.service.http.refusals import RefusedError
from segue.service.pages.layout import open_at, show
from segue.service.pages.sessions.forms import Form
from segue.service.pages.sessions.visits import Pages, Visit
from segue.service.pages.standing_list import OPTIONS, STEPS
from segue.service.pages.texts import day, translations
from segue.service.pages.words import finding_words, gave_way, left_words, rule_words
from segue.service.tenant.work_told import Worked, told
from segue.workspace.dialogue import class_lists, own_plans, replies, requests
from segue.workspace.dialogue.class_lists import TeacherAct
from segue.workspace.playlists.answering import alternatives
from segue.workspace.playlists.step_feedback import StepChange
from segue.workspace.practices.feedback_given import take_back_given

pages = Pages()
ACTIONS = ("approve", "pin", "remove", "swap")


@pages.get("/monday", "teacher")
async def monday(visit: Visit) -> Response:
    """Show the lists of a week: next week's when they are drawn, else this week's."""
    values = await visit.tenant.aside(_week, visit, visit.request.query_params.get("week", ""))
    return show(visit, "monday", **values)


def _week(visit: Visit, asked: str) -> dict[str, object]:
    space, roster = visit.space, visit.ticket.roster
    _ = translations(visit.locale).gettext
    this, following = weeks(visit)
    view = class_lists.class_week(
        space, roster, asked if asked in (this, following) else following, now=visit.now
    )
    if not asked and not view.made:
        view = class_lists.class_week(space, roster, this, now=visit.now)
    catalogue = space.catalogue()
    titles = {one.resource_id: one.title or one.resource_id for one in catalogue.resources}
    return {
        "view": view,
        "weeks": [(this, _("This week")), (following, _("Next week"))],
        "resources": open_at(max(visit.now, start_of(view.week, space.time_zone)), catalogue),
        "titles": titles,
        "numbers": {who: at for at, who in enumerate(roster)},
        "plans": own_plans.plans_of(space, roster, now=visit.now),
        "finding_words": partial(finding_words, visit.locale, catalogue),
        "left_words": lambda name, why: left_words(visit.locale, catalogue.resource(name), why),
        "act_words": partial(_act_words, visit, titles),
        "own": space.pseudonym_of_teacher(visit.ticket.who),
        "gave_way": partial(gave_way, visit.locale),
    }


def weeks(visit: Visit) -> tuple[str, str]:
    """Return this week and the next, in the tenant's time zone."""
    zone = visit.space.time_zone
    return week_of(visit.now, zone), week_of(visit.now + timedelta(days=7), zone)


@pages.post("/draw", "teacher")
async def draw(visit: Visit, form: Form) -> Response:
    """Draw the lists that are missing in a week."""
    week = _named(visit, form)
    await visit.tenant.do(
        class_lists.draw_week, visit.space, visit.ticket.roster, week, k=STEPS, menu=OPTIONS, now=visit.now
    )
    return visit.back("monday", week=week, said="drawn")


@pages.post("/approve", "teacher")
async def approve(visit: Visit, form: Form) -> Response:
    """Approve a class's week, as the page showed it."""
    week, space, ticket = _named(visit, form), visit.space, visit.ticket
    seen = dict(line.split(" ", 1) for line in form.one("seen").split("\n") if " " in line)
    work = partial(class_lists.approve_week, by=ticket.who, now=visit.now, seen=seen)
    _, declined = await visit.tenant.do(work, space, ticket.roster, week)
    return visit.back("monday", week=week, said="not_all" if declined else "approved")


@pages.post("/mustdo", "teacher")
async def must_do(visit: Visit, form: Form) -> Response:
    """Put a resource into every list of a week."""
    week, resource, ticket = _named(visit, form), form.one("resource"), visit.ticket
    _, without = await visit.tenant.do(
        class_lists.must_do, visit.space, ticket.roster, week, resource, by=ticket.who, now=visit.now
    )
    whom = ".".join(str(ticket.roster.index(one)) for one in without)
    response = visit.back("monday", week=week, said="not_all" if without else "mustdo", whom=whom)
    return told(visit.request, visit.tenant, response, Worked(ticket.roster))


@pages.post("/act", "teacher")
async def act(visit: Visit, form: Form) -> Response:
    """Do what a button of a step says: approve, pin, remove, swap or undo."""
    week, space = _named(visit, form), visit.space
    if override_id := form.one("undo"):
        await visit.tenant.do(_undo, visit, override_id)
        undone = visit.back("monday", week=week, said="undone")
        return told(visit.request, visit.tenant, undone, Worked(override=override_id))
    action = next((name for name in ACTIONS if form.one(name)), None)
    if action is None:
        raise RefusedError(422, "action", "this form names no action")
    decision, _, seen = form.one(action).partition(" ")
    owner = await visit.tenant.aside(owner_of, visit, decision)
    if action == "swap" and not form.one("resource"):
        return visit.back("swap", step=decision, who=str(owner), week=week)
    put_in = form.one("resource") or None
    change = StepChange(action, visit.ticket.who, resource=put_in, seen=seen or None)  # type: ignore[arg-type]
    made, _ = await visit.tenant.do(space.override, decision, change, now=visit.now)
    response = visit.back("monday", week=week, said=action, undo=f"override:{made}")
    return told(visit.request, visit.tenant, response, Worked(decision=decision))


@pages.get("/swap", "teacher")
async def swap(visit: Visit) -> Response:
    """Show what could stand in the place of a step, and what speaks against any other resource."""
    asked = visit.request.query_params
    values = await visit.tenant.aside(_swap, visit, asked.get("step", ""), asked.get("wanted", ""))
    return show(visit, "swap", **values, week=asked.get("week", ""))


def _swap(visit: Visit, decision: str, wanted: str) -> dict[str, object]:
    space = visit.space
    number = owner_of(visit, decision)
    learner = visit.ticket.roster[number]
    mine, step = space.decision(decision, now=visit.now)
    at = max(visit.now, mine.made)  # a list of a coming week counts from its beginning
    catalogue = space.catalogue()
    taken = {one.resource for one in mine.todo}
    champion, asking = space.asking([learner], now=at)
    near = alternatives(champion.recommender, asking[learner].said, taken=taken)
    words = translations(visit.locale)
    known = wanted in champion.recommender.catalogue.resource_index
    why_not = asking[learner].why_not(champion.recommender, wanted, words=words) if known else None
    out = asking[learner].record.excluded
    closed = shut(catalogue, wanted, at.timestamp(), out=out) if known else None
    return {
        "learner": learner,
        "number": number,
        "step": step,
        "others": [(catalogue.resource(name), lost(parts, words=words)) for name, parts in near],
        "resources": catalogue.resources,
        "wanted": wanted,
        "why_not": why_not,
        "closed": left_words(visit.locale, catalogue.resource(wanted), closed) if closed else "",
        "in_list": wanted in taken,
        "rules": [rule_words(visit.locale, name) for name in (why_not.rules if why_not else ())],
    }


@pages.post("/review", "teacher")
async def review(visit: Visit, form: Form) -> Response:
    """Approve a learner's plan, or return it with a word."""
    plan, approve_it = form.one("plan"), form.one("verdict") == "approve"
    space, roster = visit.space, visit.ticket.roster
    theirs = await visit.tenant.aside(own_plans.plans_of, space, roster, now=visit.now)
    if plan not in {one.statement_id for one in theirs}:
        raise RefusedError(404, "no_plan", "no learner of this class has such a plan")
    who, note = visit.ticket.who, form.one("note")
    made = await visit.tenant.do(
        own_plans.review_plan, space, plan, by=who, approve=approve_it, note=note, now=visit.now
    )
    said = "plan_approved" if approve_it else "plan_returned"
    response = visit.back("monday", said=said, undo=f"review:{made.statement_id}")
    return told(visit.request, visit.tenant, response, Worked(statement=plan))


def undo_of_teacher(visit: Visit, what: str) -> None:
    """Take back an act on a step ("override:ID"), an answer to a plan or request, or feedback, of this class.

    Raises
    ------
    RefusedError
        404 when it is not about a learner of this class.
    """
    kind, _, name = what.partition(":")
    if kind == "override":
        _undo(visit, name)
        return
    if kind == "given":
        _undo_given(visit, name)
        return
    space = visit.space
    if kind == "answer" and name in {r.answer_id for r in requests.requests_of(space, visit.ticket.roster)}:
        replies.undo_reply(space, name, kind="answer", by=visit.ticket.who, now=visit.now)
        return
    theirs = own_plans.plans_of(space, visit.ticket.roster, now=visit.now)
    if kind != "review" or name not in {one.review_id for one in theirs}:
        raise RefusedError(404, "undo", "there is nothing of this class to take back under this id")
    replies.undo_reply(space, name, kind="review", by=visit.ticket.who, now=visit.now)


def _undo(visit: Visit, override_id: str) -> None:
    shown = class_lists.class_week(visit.space, visit.ticket.roster, "", now=visit.now)
    if override_id not in {act.record.override_id for act in shown.acts}:
        raise RefusedError(404, "undo", "there is nothing of this class to take back under this id")
    visit.space.undo_override(override_id, by=visit.ticket.who, now=visit.now)


def _undo_given(visit: Visit, name: str) -> None:
    """Take back the feedback or talk of a learner, by place in the roster and moment in microseconds."""
    number, _, moment = name.partition("-")
    if not (moment.isdecimal() and len(moment) < 18):
        raise RefusedError(404, "undo", "there is nothing of this class to take back under this id")
    at = datetime.fromtimestamp(int(moment) / 1e6, UTC)
    who, by = visit.ticket.roster[visit.place(number)], visit.ticket.who
    take_back_given(visit.space, visit.ticket.class_id, who, at=at, by=by, now=visit.now)


def owner_of(visit: Visit, decision: str) -> int:
    """Return the place in the roster of the learner whose step this is.

    Raises
    ------
    RefusedError
        404 when no learner of this class has it: a teacher touches her own class only.
    """
    found = class_lists.owner_of(visit.space, visit.ticket.roster, decision)
    if found is None:
        raise RefusedError(404, "no_step", "no learner of this class has this step")
    return visit.ticket.roster.index(found)


def _named(visit: Visit, form: Form) -> str:
    this, following = weeks(visit)
    return this if form.one("week") == this else following


def _act_words(visit: Visit, titles: dict[str, str], act: TeacherAct) -> str:
    _ = translations(visit.locale).gettext
    record = act.record
    says = {
        "approve": _("%(who)s, %(day)s: approved “%(taken)s”"),
        "pin": _("%(who)s, %(day)s: pinned “%(put)s”"),
        "remove": _("%(who)s, %(day)s: removed “%(taken)s”"),
        "swap": _("%(who)s, %(day)s: “%(put)s” in place of “%(taken)s”"),
    }
    when = day(datetime.fromtimestamp(record.time / 1e6, UTC), visit.locale, visit.space.time_zone)
    put = titles.get(record.resource, record.resource)
    words = {"who": visit.name(act.learner), "day": when, "put": put}
    line = says[record.action] % (words | {"taken": titles.get(record.taken, record.taken)})
    own, other = visit.space.pseudonym_of_teacher(visit.ticket.who), _("(by another teacher)")
    did = [line, other if record.teacher != own else ""]
    if record.undone is not None:
        did += [_("(taken back)"), other if record.undone_by != own else ""]
    return " ".join(filter(None, did))
