"""Processes: what `segue serve` starts."""

from __future__ import annotations

import contextlib
import gc
import json
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from segue.service.app import create_app
from segue.service.http import request_log as logs
from segue.service.http.connections import SPARE_FILES, Bounded, raise_file_limit
from segue.service.http.metrics import share
from segue.service.http.rate_limits import ServiceLimits
from segue.service.tenant.tenant import Tenant

PLAN = "SEGUE_SERVE_PLAN"
GRACE_SECONDS = 30
TURN_SECONDS = 0.0002  # after which a thread that computes lets another one on; by default 25 times as long


@dataclass(frozen=True)
class ServerPlan:
    """What to serve: folders of workspaces, and the limits."""

    workspaces: tuple[str, ...]
    limits: ServiceLimits

    def text(self) -> str:
        """Return the plan as JSON, to hand it to worker processes."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> ServerPlan:
        """Return the plan that `text` wrote."""
        found = json.loads(text)
        return cls(tuple(found["workspaces"]), ServiceLimits(**found["limits"]))


def application(plan: ServerPlan) -> FastAPI:
    """Return the application of a plan, its workspaces opened.

    Raises
    ------
    ValueError
        When two workspaces have one name: it tells tenants apart in logs and counters.
    """
    names = [Path(folder).name for folder in plan.workspaces]
    if len(set(names)) < len(names):
        raise ValueError(f"workspaces must differ in their folder's name, got {', '.join(names)}")
    tenants = [Tenant.open(Path(folder), limits=plan.limits) for folder in plan.workspaces]
    app = create_app(tenants, limits=plan.limits)
    gc.collect()
    gc.freeze()  # modules and models stay for good: they need not be looked at again and again
    return app


def from_environment() -> FastAPI:
    """Return the application of the plan in the environment; each worker process calls this."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logs.set_up()
    sys.setswitchinterval(TURN_SECONDS)
    return application(ServerPlan.read(os.environ[PLAN]))


def _end_with_parent() -> None:
    """Finish what is under way and end once the process that started this one is gone, however it went."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def run(
    plan: ServerPlan, *, host: str, port: int, workers: int, ready: Callable[[int], None] = lambda _: None
) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first.

    `ready` is told the port as soon as connections are taken.

    Raises
    ------
    RuntimeError
        When more than one worker is asked for and a workspace lies in SQLite.
    """
    logs.set_up()
    sys.setswitchinterval(TURN_SECONDS)
    raise_file_limit()
    with contextlib.ExitStack() as stack:
        if workers > 1:
            _check_workers(plan)
            os.environ[PLAN] = plan.text()
            share(stack.enter_context(tempfile.TemporaryDirectory(prefix="segue-counts-")))
        app = application(plan) if workers == 1 else "segue.service.server:from_environment"
        config = configuration(app, limits=plan.limits, workers=workers)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = stack.enter_context(socket.create_server((host, port), family=family, backlog=2048))
        logs.write("listening", {"host": host, "port": listening.getsockname()[1], "workers": workers})
        ready(listening.getsockname()[1])
        if workers == 1:
            uvicorn.Server(config).run([listening])
        else:
            Multiprocess(config, sockets=[listening]).run()


def fitting(limits: ServiceLimits) -> ServiceLimits:
    """Return limits with no more connections than this process may open files for."""
    most = max(raise_file_limit() - SPARE_FILES, 50)
    return replace(limits, connections=min(limits.connections, most))


def configuration(
    app: FastAPI | str, *, limits: ServiceLimits, port: int = 0, workers: int = 1
) -> uvicorn.Config:
    """Return how uvicorn is to serve: bounded heads, bodies and connections, and no line with a path."""
    return Bounded(
        app,
        limits=fitting(limits),
        port=port,
        factory=workers > 1,
        workers=workers,
        log_config=None,
        access_log=False,  # its lines would hold paths, and paths hold learners' ids
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ws="none",
    )


def _check_workers(plan: ServerPlan) -> None:
    for folder in plan.workspaces:
        tenant = Tenant.open(Path(folder), limits=plan.limits)
        embedded = tenant.embedded
        tenant.close()
        if embedded:
            raise RuntimeError(
                f"{folder} lies in SQLite, which has one writer: use --workers 1, or move it to PostgreSQL"
            )
