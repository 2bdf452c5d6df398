"""What watches the service: is it alive, is it ready, what does it count."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from segue.service.admission import caller_of
from segue.service.http import response_schemas as answers
from segue.service.http.bodies import answer
from segue.service.http.openapi import FAULTS, OF_EVERY_CALL

router = APIRouter(tags=["health"])


@router.get("/healthz", responses={200: {"model": answers.Health}})
async def healthz() -> Response:
    """Return ok while the process answers at all."""
    return answer({"status": "ok"})


@router.get("/readyz", responses={200: {"model": answers.Readiness}, 503: {"model": answers.Readiness}})
async def readyz(request: Request) -> Response:
    """Return whether requests can be answered: 200 (ok, or degraded: no fitted model), else 503; and why."""
    tenants = request.app.state.tenants
    states = await asyncio.gather(*(tenant.ready() for tenant in tenants))
    worst = next((s for s in ("unavailable", "degraded") if s in states), "ok")
    told = [tenant.described(status) for tenant, status in zip(tenants, states, strict=True)]
    response = answer({"status": worst, "waiting": request.app.state.seats.waiting, "tenants": told})
    response.status_code = 503 if worst == "unavailable" else 200
    return response


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **{status: {"model": answers.FaultAnswer, "description": FAULTS[status]} for status in OF_EVERY_CALL},
    },
)
async def metrics(request: Request) -> Response:
    """Return the counters of this tenant, of all workers together, for Prometheus."""
    tenant = caller_of(request, "analyst").tenant
    tenant.gauge(await tenant.ready(), outside=request.app.state.seats.waiting)
    return PlainTextResponse(await tenant.aside(tenant.metrics.text), media_type="text/plain; version=0.0.4")
