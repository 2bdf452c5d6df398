"""A teacher's pages of a class and of one learner."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from starlette.responses import Response

from segue.engine.explanations.what_if import Edit
from segue.features.events.outward_text import csv_cell
from segue.service.pages.layout import show
from segue.service.pages.rendering import headers
from segue.service.pages.sessions.signed_tokens import Ticket, sign
from segue.service.pages.sessions.visits import Pages, Visit
from segue.service.pages.texts import translations
from segue.service.pages.words import aim
from segue.workspace.dialogue import negotiation
from segue.workspace.dialogue.requests import requests_of
from segue.workspace.reports.class_report import ClassMap, class_map

pages = Pages()
MINUTES = 30  # what a teacher has for talks, unless she says otherwise
STEPS = 6


@pages.get("/class", "teacher")
async def my_class(visit: Visit) -> Response:
    """Show where the class stands and who to see next."""
    asked = visit.request.query_params.get("minutes", "")
    minutes = min(max(int(asked), 0), 600) if asked.isdecimal() and len(asked) < 5 else MINUTES
    view = await visit.tenant.aside(_class_of, visit, minutes=minutes)
    numbers = {learner: at for at, learner in enumerate(view.learners)}
    said = await visit.tenant.aside(requests_of, visit.space, visit.ticket.roster)
    open_ = [one for one in said if not one.answer]
    talks = list(dict.fromkeys(one.learner for one in open_ if one.kind == "talk"))
    told = {"view": view, "minutes": minutes, "numbers": numbers, "talks": talks, "waiting": len(open_)}
    return show(visit, "class", **told)


@pages.get("/class.csv", "teacher")
async def class_csv(visit: Visit) -> Response:
    """Return the same as a table for a spreadsheet."""
    view = await visit.tenant.aside(_class_of, visit)
    text = _csv(view, visit.names.of(visit.ticket.sid))
    told = {**headers(), "content-disposition": 'attachment; filename="class.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=told)


@pages.get("/learner", "teacher")
async def learner(visit: Visit) -> Response:
    """Show one learner: what is known, the lists so far, what if."""
    asked = visit.request.query_params
    place, did, right = visit.place(asked.get("who", "")), asked.get("did", ""), asked.get("score") != "0"
    found = await visit.tenant.aside(_learner_view, visit, place, did=did, right=right)
    return show(visit, "learner", **found)


def _class_of(visit: Visit, *, minutes: int = MINUTES) -> ClassMap:
    """Return the map of the class of a visit."""
    champion, known = visit.space.known(visit.ticket.roster)
    return class_map(champion, known, visit.now.timestamp(), minutes=minutes)


def _csv(found: ClassMap, names: Mapping[str, str]) -> str:
    """Return the map as CSV, a row a learner; a cell that a spreadsheet would run as a formula is text."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["learner", *(csv_cell(row.skill.skill_id) for row in found.rows)])
    for column, learner in enumerate(found.learners):
        bands = [row.bands[column] for row in found.rows]
        writer.writerow([csv_cell(names.get(learner, learner)), *bands])
    return out.getvalue()


def _learner_view(visit: Visit, number: int, *, did: str, right: bool) -> dict[str, object]:
    """Return the page of one learner of the class; with `did`, also what would follow from that attempt."""
    space, who = visit.space, visit.ticket.roster[number]
    catalogue, said = space.catalogue(), negotiation.standing(space, who)
    return {
        "learner": who,
        "number": number,
        "out": visit.opted_out(who),
        "erased": visit.erased(who),
        "profile": space.profile(who, now=visit.now),
        "trust": said.trust,
        "claims": {claim.skill: claim for claim in said.claims},
        "goal": said.goal,
        "goal_names": [aim(catalogue, skill) for skill in (said.goal.skills if said.goal else ())],
        "lists": space.lists(who, now=visit.now, words=translations(visit.locale)),
        "resources": catalogue.resources,
        "did": did,
        "score": 1 if right else 0,
        "what_if": _what_if(visit, who, did, right=right) if did in catalogue.resource_index else None,
        "as_learner": _as_learner(visit, who),
    }


def _what_if(visit: Visit, who: str, did: str, *, right: bool) -> tuple[list[str], list[str]]:
    champion, asking = visit.space.asking([who], now=visit.now, k=STEPS)
    recommender, request = champion.recommender, asking[who].said
    edit = Edit(answers=((did, 1.0 if right else 0.0),))
    now = recommender.recommend(request, rng=np.random.default_rng(0))
    then = recommender.what_if(request, edit, rng=np.random.default_rng(0))
    catalogue = recommender.catalogue
    first, second = ([catalogue.resource(s.resource) for s in playlist.steps] for playlist in (now, then))
    return [r.title or r.resource_id for r in first], [r.title or r.resource_id for r in second]


def _as_learner(visit: Visit, who: str) -> str:
    """Return the address of the learner's own page, to be read only."""
    hers = visit.ticket
    ticket = Ticket("session", "parent", who, hers.expires, hers.class_id, (who,), hers.locale)
    text = sign(replace(ticket, frame=hers.frame, sid=hers.sid), visit.space.keyring)
    return f"/pages/{visit.tenant.name}/s/{text}/week"
