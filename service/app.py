"""The HTTP application: routes, the gate before them, and what runs beside them."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator, Sequence
from functools import cache, partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from segue.service.access_middleware import Gate
from segue.service.admission import BROWSER, AdmissionControl
from segue.service.http import openapi as documents
from segue.service.http import request_log as logs
from segue.service.http.rate_limits import ServiceLimits
from segue.service.http.refusals import RefusedError, rule_of
from segue.service.pages.rendering import warm
from segue.service.pages.routers import ROUTERS
from segue.service.pages.sessions.visits import no_page
from segue.service.reach import AskedAllDay
from segue.service.routes import administration, front_door, record_store
from segue.service.routes import classes as routes_classes
from segue.service.routes import decisions as routes_decide
from segue.service.routes import health as routes_health
from segue.service.routes import learners as routes_learners
from segue.service.routes import lms as routes_lms
from segue.service.routes import resources as routes_resources
from segue.service.routes.dialogue import class_weeks, policy_versions, practices, statements
from segue.service.tenant.tenant import Tenant
from segue.service.tenant.work_told import Worked

if TYPE_CHECKING:  # it needs the extra `otel`
    from segue.service.request_spans import RequestSpans

TICK_SECONDS = 0.5
SUMMARY = "What should this student do next, and why?"


def create_app(
    tenants: Sequence[Tenant], *, limits: ServiceLimits, spans: RequestSpans | None = None
) -> FastAPI:
    """Return the application that serves `tenants`; it closes them when it shuts down.

    Without `spans` requests are told to those who collect traces of the whole process, if there are any.
    """
    spans = spans or _spans_of_process()
    control = AdmissionControl(tuple(tenants), limits)
    app = FastAPI(
        title="Segue",
        summary=SUMMARY,
        version=version("segue"),
        docs_url=None,  # its page would load scripts from elsewhere: routes/front_door.py has ours
        redoc_url=None,
        # its own spans would hold paths, and paths hold learners' ids: request_spans.py has ours
        telemetry={"tracing": False, "metrics": False, "logs": False},
        lifespan=partial(_life, control=control),
    )
    app.state.tenants = tuple(tenants)
    app.state.lti_tools = {}
    app.state.progress = _no_gradebook
    app.state.seats = control.seats
    app.add_middleware(AskedAllDay, routes=routes_decide.ASKED_ALL_DAY)  # the last one added is asked first
    app.add_middleware(Gate, control=control, limits=limits, spans=spans)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(RequestValidationError, _not_valid)
    sent = (routes_lms, record_store)
    dialogue = (statements, class_weeks, practices, policy_versions)
    for routes in (  # what is asked most is found first; `include_router` would build each route once more
        routes_decide,
        *dialogue,
        *sent,
        routes_learners,
        routes_classes,
        routes_resources,
        administration,
        routes_health,
        front_door,
    ):
        app.router.routes += routes.router.routes
    for router in ROUTERS:
        app.router.routes += router.routes
    with contextlib.suppress(ModuleNotFoundError):  # the extra `lms` is not installed
        app.router.routes += importlib.import_module("segue.service.routes.calendars").router.routes
    with contextlib.suppress(ModuleNotFoundError):  # the extra `lti` is not installed
        lti = importlib.import_module("segue.service.routes.lti")
        app.router.routes += lti.router.routes
        app.router.routes += importlib.import_module("segue.service.routes.lti_registration").router.routes
        app.state.progress = partial(lti.progress, app)
    app.openapi = cache(lambda: documents.describe(app))  # type: ignore[method-assign]
    return app


def _spans_of_process() -> RequestSpans | None:
    with contextlib.suppress(ModuleNotFoundError):  # the extra `otel` is not installed
        spans: RequestSpans = importlib.import_module("segue.service.request_spans").RequestSpans()
        return spans
    return None


async def _no_gradebook(_: Tenant, __: Worked) -> None:
    """Stand for the gradebooks where the extra `lti` is not installed."""


@contextlib.asynccontextmanager
async def _life(app: FastAPI, *, control: AdmissionControl) -> AsyncIterator[dict[str, AdmissionControl]]:
    """Notice new models and keys while running; at the end finish what waits and close.

    What is yielded is there for each connection, before a request has come to the application.
    """
    tenants = control.tenants
    await asyncio.to_thread(warm)
    watch = asyncio.create_task(_watch(tenants))
    try:
        yield {"admission": control}
    finally:
        watch.cancel()
        for _, tool in app.state.lti_tools.values():
            await tool.services.close()
        for tenant in tenants:
            await asyncio.to_thread(tenant.close)


async def _watch(tenants: tuple[Tenant, ...]) -> None:
    while True:
        await asyncio.sleep(TICK_SECONDS)
        for tenant in tenants:
            try:
                await tenant.watch()
            except Exception as error:  # whatever it was, the next look is due all the same
                logs.write("tick", {"tenant": tenant.name}, level=40, error=error)


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = {
        404: "there is no such path: GET /docs or /openapi.json lists them",
        405: "this path has no such method",
    }
    text = message.get(error.status_code, "the request could not be read")
    refused = RefusedError(error.status_code, "no_route", text, error.headers or {})
    return no_page(request, refused) if request.url.path.startswith(BROWSER) else refused.response()


async def _not_valid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = " ".join(str(part) for part in first["loc"])
    return RefusedError(422, "not_valid", f"{place}: {rule_of(first['msg'])}").response()
