"""What learners ask of the teacher, and whose feedback is due."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from segue.service.http.refusals import RefusedError
from segue.service.pages.layout import show
from segue.service.pages.sessions.forms import Form
from segue.service.pages.sessions.visits import Pages, Visit
from segue.service.pages.words import request_words
from segue.workspace.dialogue import requests
from segue.workspace.practices.feedback_given import feedback_waiting, note_given
from segue.workspace.records.practices.practice_rows import PracticeKind

pages = Pages()


@pages.get("/asked", "teacher")
async def asked(visit: Visit) -> Response:
    """Show talks asked for, records contested, suggestions, and who waits for feedback."""
    return show(visit, "asked", **await visit.tenant.aside(_asked, visit))


def _asked(visit: Visit) -> dict[str, object]:
    space, roster = visit.space, visit.ticket.roster
    catalogue = space.catalogue()
    found = [request_words(visit.locale, catalogue, one) for one in requests.requests_of(space, roster)]
    due = feedback_waiting(space, visit.ticket.class_id, now=visit.now, names=roster) if roster else []
    return {
        "waiting": [line for line in found if not line.answer],
        "answered": [line for line in reversed(found) if line.answer],
        "due": due,
        "numbers": {who: at for at, who in enumerate(roster)},
    }


@pages.post("/reply", "teacher")
async def reply(visit: Visit, form: Form) -> Response:
    """Agree to what a learner asked, or decline it, with a word."""
    name, accept = form.one("request"), form.one("verdict") == "accept"
    space, roster = visit.space, visit.ticket.roster
    theirs = await visit.tenant.aside(requests.requests_of, space, roster)
    if name not in {one.statement_id for one in theirs}:
        raise RefusedError(404, "no_request", "no learner of this class asked this")
    answer = partial(requests.answer_request, class_id=visit.ticket.class_id, classmates=roster)
    made = await visit.tenant.do(
        answer, space, name, by=visit.ticket.who, accept=accept, note=form.one("note"), now=visit.now
    )
    return visit.back("asked", said="replied", undo=f"answer:{made.statement_id}")


@pages.post("/given", "teacher")
async def given(visit: Visit, form: Form) -> Response:
    """Remember that a learner had feedback, or a talk."""
    place, ticket = visit.place(form.one("learner")), visit.ticket
    kind: PracticeKind = "talk" if form.one("kind") == "talk" else "feedback"
    who = ticket.roster[place]
    await visit.tenant.do(note_given, visit.space, ticket.class_id, kind, [who], by=ticket.who, now=visit.now)
    moment = round(visit.now.timestamp() * 1e6)
    return visit.back("asked", said="given", undo=f"given:{place}-{moment}")
