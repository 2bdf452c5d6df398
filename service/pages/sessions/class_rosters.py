"""Who of a ticket's class is still in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from segue.service.pages.sessions.signed_tokens import Ticket
from segue.workspace.records.learners import find_learners
from segue.workspace.records.rosters.enrolments import ended_courses
from segue.workspace.workspace import Workspace


def without_leavers(workspace: Workspace, ticket: Ticket, now: datetime) -> Ticket:
    """Return a ticket of a class without those who have left the class since it was made."""
    with workspace.store.read() as connection:
        people = find_learners(connection, workspace.keyring, ticket.roster)
        numbers = [person.number for person in people.values()]
        left = ended_courses(connection, workspace.keyring, [ticket.class_id], numbers, at=now)
    gone = {who for who, person in people.items() if person.number in left}
    return replace(ticket, roster=tuple(who for who in ticket.roster if who not in gone))
