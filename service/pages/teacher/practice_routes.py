"""Groups, and how Segue decides here."""

from __future__ import annotations

import numpy as np
from starlette.responses import Response

from segue.engine.policies.policy_version import PolicyVersion
from segue.engine.practices.groups import suggest_groups
from segue.engine.sampling.randomness import generator
from segue.service.http.refusals import RefusedError
from segue.service.pages.layout import show
from segue.service.pages.sessions.forms import Form, asked
from segue.service.pages.sessions.visits import Pages, Visit
from segue.service.pages.standing_list import STEPS
from segue.service.pages.teacher.monday_routes import weeks
from segue.service.pages.words import limit_names, weight_names
from segue.workspace.operations.policy_versions import (
    earlier_version,
    put_in_force,
    version_diff,
    version_history,
    version_in_force,
)

pages = Pages()
SIZES = (2, 3, 4, 5, 6)
MOST_EXAMPLES = 5


@pages.get("/groups", "teacher")
async def groups(visit: Visit) -> Response:
    """Show groups that mix skills."""
    asked = visit.request.query_params.get("size", "")
    size = int(asked) if asked in {str(n) for n in SIZES} else 4
    roles = [part.strip() for part in visit.request.query_params.get("roles", "").split(",") if part.strip()]
    found = await visit.tenant.aside(_groups, visit, size, roles[:size])
    return show(visit, "groups", groups=found, size=size, sizes=SIZES, roles=", ".join(roles[:size]))


def _groups(visit: Visit, size: int, roles: list[str]) -> list[list[tuple[str, str]]]:
    space, roster = visit.space, visit.ticket.roster
    if len(roster) < size:
        return []
    table = space.mastery(roster, now=visit.now)
    this, _ = weeks(visit)
    rng = generator(space.configuration.seed, "groups", this, visit.ticket.class_id, size)
    made = suggest_groups(np.asarray(table, dtype=np.float64), size=size, rng=rng, roles=roles)
    none = ("",) * len(roster)
    return [
        [(roster[at], role) for at, role in zip(one.members, one.roles or none, strict=False)] for one in made
    ]


@pages.get("/policy", "teacher")
async def policy(visit: Visit) -> Response:
    """Show how Segue decides here: weights and rules in force, a form for a draft, and the history."""
    space = visit.space
    version = await visit.tenant.aside(version_in_force, space)
    values = await visit.tenant.aside(_policy, visit, version)
    return show(visit, "policy", **values, diff=None)


@pages.post("/policy_try", "teacher")
async def try_draft(visit: Visit, form: Form) -> Response:
    """Go and look at what a draft would change."""
    return visit.look("policy_try", form)


@pages.get("/policy_try", "teacher")
async def show_draft(visit: Visit) -> Response:
    """Show what a draft would change, with nothing stored."""
    form = asked(visit.request)
    space, (this, _) = visit.space, weeks(visit)
    before = await visit.tenant.aside(version_in_force, space)
    draft = _draft(form, before)
    roster = visit.ticket.roster
    diff = await visit.tenant.aside(
        version_diff, space, before, draft, now=visit.now, week=this, k=STEPS, learners=roster
    )
    values = await visit.tenant.aside(_policy, visit, draft)
    return show(visit, "policy", **values, diff=diff, most=MOST_EXAMPLES)


@pages.post("/policy_save", "teacher")
async def save_draft(visit: Visit, form: Form) -> Response:
    """Put a draft in force, or an earlier version back."""
    space = visit.space
    if back := form.one("back"):
        draft = await visit.tenant.aside(earlier_version, space, back)
        if draft is None:
            raise RefusedError(404, "no_version", "there is no such version")
    else:
        draft = _draft(form, await visit.tenant.aside(version_in_force, space))
    by = space.pseudonym_of_teacher(visit.ticket.who)
    await visit.tenant.do(put_in_force, space, draft, by=by, now=visit.now)
    return visit.back("policy", said="policy_saved")


def _policy(visit: Visit, version: PolicyVersion) -> dict[str, object]:
    said, words, limits = version.to_dict(), weight_names(visit.locale), limit_names(visit.locale)
    catalogue = visit.space.catalogue()
    return {
        "version": version.id,
        "weights": [(name, words.get(name, name), value) for name, value in said["weights"].items()],
        "limits": [(name, limits[name], said["limits"][name]) for name in limits],
        "settings": {f"weights.{name}": text for name, text in words.items()}
        | {f"limits.{name}": text for name, text in limits.items()},
        "history": list(reversed(version_history(visit.space))),
        "own": visit.space.pseudonym_of_teacher(visit.ticket.who),
        "titles": {one.resource_id: one.title or one.resource_id for one in catalogue.resources},
    }


def _draft(form: Form, before: PolicyVersion) -> PolicyVersion:
    """Return the version that a form describes; what it leaves out is as in force.

    Raises
    ------
    RefusedError
        422 when a number is none, or out of its range.
    """
    known = before.to_dict()
    draft: dict[str, dict[str, float]] = {"weights": {}, "limits": {}}
    for key, value in form.fields:
        part, _, name = key.partition(".")
        if part in draft and name in known[part]:
            try:
                draft[part][name] = float(value)
            except ValueError:
                raise RefusedError(422, "not_valid", f"{key} must be a number") from None
    try:
        return before.drafted(draft)
    except ValueError as error:
        raise RefusedError(422, "not_valid", str(error)) from None
