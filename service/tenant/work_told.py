"""Who has worked, or whose list has changed: told to gradebooks, without the extra that knows them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from segue.service.tenant.tenant import Tenant


@dataclass(frozen=True)
class Worked:
    """Learners by the LMS's ids, and whose a step (a decision), an act on one (an override) or a plan is."""

    learners: Collection[str] = ()
    decision: str = ""
    override: str = ""
    statement: str = ""


def told(request: Request, tenant: Tenant, response: Response, worked: Worked) -> Response:
    """Return the response, with what tells the gradebooks once it is sent."""
    response.background = BackgroundTask(request.app.state.progress, tenant, worked)
    return response
