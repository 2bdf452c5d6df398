"""What every page has: who it is for, the other pages, what was just done, and the marks of its forms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from markupsafe import Markup
from starlette.responses import Response

from segue.features.catalogue import Catalogue, Resource
from segue.service.pages.rendering import render, respond
from segue.service.pages.sessions.forms import MARK
from segue.service.pages.sessions.signed_tokens import sign
from segue.service.pages.sessions.visits import Visit
from segue.service.pages.texts import translations
from segue.service.pages.words import messages, reasons


def show(visit: Visit, page: str, **values: object) -> Response:
    """Return a page of a visit, filled in."""
    common: dict[str, object] = {
        "page": page,
        "base": ".",  # pages lie side by side, and an address with its ticket is long
        "children": children(visit),
        "who": visit.name(visit.ticket.who),
        "role": visit.ticket.role,
        "menu": menu(visit),
        "class_id": visit.ticket.class_id,
        "zone": visit.space.time_zone,
        "name": visit.name,
        "said": said(visit),
        "hidden": cache(
            lambda action: Markup('<input type="hidden" name="{}" value="{}">').format(
                MARK, visit.mark(action)
            )
        ),
        "cells": cells(visit.locale),
        "reasons": lambda step: reasons(visit.locale, step.reasons),
    }
    html = render(f"{page}.html", visit.locale, common | values)
    return respond(html, frame=visit.ticket.frame)


def children(visit: Visit) -> list[tuple[str, str]]:
    """Return a parent's other children and the addresses of their pages."""
    ticket = visit.ticket
    if ticket.role != "parent":
        return []
    keyring = visit.space.keyring
    others = [who for who in ticket.roster if who != ticket.who]
    return [(visit.name(who), f"../{sign(replace(ticket, who=who), keyring)}/week") for who in others]


def menu(visit: Visit) -> list[tuple[str, str]]:
    """Return the pages of this visit, and what they are called."""
    _ = translations(visit.locale).gettext
    if visit.ticket.role == "teacher":
        return [
            ("class", _("My class")),
            ("monday", _("Before Monday")),
            ("asked", _("What learners ask")),
            ("groups", _("Groups")),
            ("policy", _("How Segue decides")),
            ("report", _("Report")),
        ]
    own = [("week", _("My week")), ("me", _("What Segue thinks of me"))]
    if visit.ticket.role == "parent":
        return own
    return [*own, ("me#goal", _("My goal")), ("plan", _("My plan")), ("feedback", _("Feedback"))]


@dataclass(frozen=True)
class Said:
    """What was just done, and what would take it back."""

    text: str
    undo: str = ""
    refused: bool = False


def said(visit: Visit) -> Said | None:
    """Return the message that a posted form asked for; only codes travel in addresses, never text."""
    code = visit.request.query_params.get("said", "")
    undo = visit.request.query_params.get("undo", "")
    text = messages(visit.locale).get(code)
    if text is None:
        return None
    places, roster = visit.request.query_params.get("whom", "").split("."), visit.ticket.roster
    of = [visit.name(roster[int(n)]) for n in places if PLACE.match(n) and int(n) < len(roster)]
    text += f" ({', '.join(of)})" if of else ""
    return Said(text, undo if UNDO.match(undo) else "", refused=code.startswith("not_"))


PLACE = re.compile(r"^[0-9]{1,4}$")
UNDO = re.compile(r"^[a-z]+:[A-Za-z0-9_-]{1,64}$")


@cache
def cells(locale: str) -> Mapping[str, Markup]:
    """Return the cell of the class map for each band: a word and a pattern, never colour alone."""
    _ = translations(locale).gettext
    made = Markup("<td class={}>{}</td>").format
    return {
        "excelling": made("s", _("strong")),
        "progressing": made("w", _("on the way")),
        "struggling": made("h", _("needs help")),
        "not enough evidence": made("n", "?"),
        "": made("n", "–"),
    }


def open_at(time: datetime, catalogue: Catalogue) -> list[Resource]:
    """Return the resources that a form may offer: those that are open."""
    return [one for one in catalogue.resources if catalogue.is_open(one.resource_id, time.timestamp())]
