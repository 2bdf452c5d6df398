"""Every page of the service, as the application mounts them."""

from __future__ import annotations

from fastapi import APIRouter

from segue.service.pages import entry, undo
from segue.service.pages.student import paper_routes, picture_routes, plan_routes, week_routes
from segue.service.pages.teacher import (
    asked_routes,
    class_routes,
    monday_routes,
    practice_routes,
    report_routes,
)

ROOMS = (
    undo,
    week_routes,
    picture_routes,
    paper_routes,
    plan_routes,
    class_routes,
    monday_routes,
    asked_routes,
    practice_routes,
    report_routes,
)
ROUTERS: tuple[APIRouter, ...] = (entry.router, *(room.pages.router for room in ROOMS))
