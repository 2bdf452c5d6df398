"""A tenant: one workspace, its keys, its counters, and the thread that works on it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import IO, Literal, ParamSpec, TypeVar

from segue.features.catalogue import CatalogueError
from segue.service.http import request_log as logs
from segue.service.http.api_keys import KeyRing
from segue.service.http.metrics import Metrics
from segue.service.http.rate_limits import ServiceLimits
from segue.service.http.refusals import RefusedError
from segue.service.tenant.recommend_and_store import Decider
from segue.service.tenant.slow_calls import SlowCalls
from segue.service.tenant.write_queue import Desk
from segue.workspace.sources.fallback_model import FallbackLibrary
from segue.workspace.sources.state_sources import RememberedStates
from segue.workspace.storage.database import DatabaseError, is_away
from segue.workspace.storage.errors import DeclinedError, WorkspaceError
from segue.workspace.storage.group_commit import GroupedStore
from segue.workspace.storage.pseudonyms import key_path
from segue.workspace.workspace import Workspace

P = ParamSpec("P")
T = TypeVar("T")
Q = TypeVar("Q")
Status = Literal["ok", "degraded", "unavailable"]
READ_SECONDS, CHANGE_SECONDS = 20.0, 300.0  # longest question, longest erasure
READY_SECONDS, FRESH_SECONDS = 0.2, 10.0
FAILURES = (DatabaseError, CatalogueError, DeclinedError, WorkspaceError)
STATUS: Mapping[str, int] = {"absent": 404, "conflict": 409, "invalid": 422}


class Tenant:
    """What the routes work with. Open one with :meth:`open`, and close it."""

    def __init__(
        self,
        workspace: Workspace,
        store: GroupedStore,
        models: FallbackLibrary,
        *,
        limits: ServiceLimits,
        lock: IO[bytes] | None = None,
    ) -> None:
        self.workspace, self.store, self.models, self._lock = workspace, store, models, lock
        self.keys = KeyRing(workspace.path)
        self.metrics = Metrics(workspace.path.name)
        self._key_path = os.fspath(key_path(workspace.path))
        self._key_stamp = self._key_now()
        self.decider = Decider(workspace, self.metrics)
        self.desk = Desk(store, self.metrics, waiting=limits.waiting, seconds=limits.waiting_seconds)
        self._reading = SlowCalls("reading", threads=4, waiting=28, seconds=READ_SECONDS)
        self._changing = SlowCalls("changing", threads=1, waiting=15, seconds=CHANGE_SECONDS)
        self._watching = ThreadPoolExecutor(1, thread_name_prefix="segue-watching")
        self._last_status: tuple[Status, float] = ("unavailable", -FRESH_SECONDS)
        self._why, self._model_made = "", 0.0

    @classmethod
    def open(cls, folder: Path, *, limits: ServiceLimits) -> Tenant:
        """Return the tenant of a workspace's folder.

        Raises
        ------
        WorkspaceError, StoreError, KeyMissingError
            When there is no workspace, its database cannot be reached, or its key is missing.
        """
        tell = partial(_tell_of_model, folder.name)
        models = FallbackLibrary(folder / "models", tell)
        workspace = Workspace.open(
            folder,
            environment=os.environ,
            store_class=GroupedStore,
            models=models,
            states=RememberedStates,
        )
        store = workspace.store
        assert isinstance(store, GroupedStore)
        try:
            lock = lock_of(folder) if store.is_sqlite else None
        except WorkspaceError:
            workspace.close()
            raise
        tenant = cls(workspace, store, models, limits=limits, lock=lock)
        tenant.tick()
        return tenant

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.workspace.path.name

    @property
    def embedded(self) -> bool:
        """Whether the store is SQLite, which one process may serve."""
        return self.store.is_sqlite

    def _key_now(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._key_path)
        except FileNotFoundError:  # the key is in the environment
            return None
        return found.st_mtime_ns, found.st_size

    def _check_key(self) -> None:
        """Refuse to go on with a key that was turned: by the old one, every learner would look new."""
        if self._key_now() != self._key_stamp:
            message = "the workspace's key was changed while the service ran: restart the service"
            raise RefusedError(503, "key_turned", message, {"retry-after": "60"})

    async def do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `work` returns, once it is committed.

        Raises
        ------
        RefusedError
            503 when the store is overloaded or away.
        """
        self._check_key()
        try:
            return await self.desk.do(partial(work, *args, **kwargs))
        except FAILURES as error:
            raise refusal(error) from error

    async def ask(self, work: Callable[[list[Q]], Sequence[T]], question: Q) -> T:
        """Return the answer to one question; see :meth:`Desk.ask`."""
        self._check_key()
        try:
            return await self.desk.ask(work, question)
        except FAILURES as error:
            raise refusal(error) from error

    async def aside(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `work` returns, in a thread of its own: what takes long must not hold up others.

        Raises
        ------
        RefusedError
            503 when too many such calls are under way, or this one takes too long.
        """
        self._check_key()
        try:
            return await self._reading.do(partial(work, *args, **kwargs))
        except FAILURES as error:
            raise refusal(error) from error

    async def alone(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `work` returns: one at a time, for what fits models anew (an erasure).

        Raises
        ------
        RefusedError
            As :meth:`aside`; what took too long is finished all the same.
        """
        self._check_key()
        try:
            return await self._changing.do(partial(work, *args, **kwargs))
        except FAILURES as error:
            raise refusal(error) from error

    async def watch(self) -> None:
        """Do what is due twice a second, in the thread that watches."""
        await asyncio.get_running_loop().run_in_executor(self._watching, self.tick)

    async def ready(self) -> Status:
        """Return the status now, or, while a look takes long, what it was a moment ago."""
        look = asyncio.get_running_loop().run_in_executor(self._watching, self.status)
        try:
            return await asyncio.wait_for(look, READY_SECONDS)
        except TimeoutError:
            status, seen = self._last_status
            return status if time.monotonic() - seen < FRESH_SECONDS else "unavailable"

    def tick(self) -> None:
        """Look for changed keys, and whether a model can be read."""
        self.keys.refresh()
        self.models.try_again()
        self.status()
        self.store.copy_log_back()

    def status(self) -> Status:
        """Return whether requests can be answered, and how well."""
        status = self._look()
        self._last_status = status, time.monotonic()
        return status

    def _look(self) -> Status:
        try:
            self._check_key()
            self.store.ping()
            with self.store.read() as connection:
                charge = self.workspace.charge(connection)
        except RefusedError as refused:
            self._why = refused.message
            return "unavailable"
        except Exception:
            self._why = "the store cannot be reached"
            return "unavailable"
        self._why = charge.trouble
        if not charge.trouble:
            try:
                folder = self.models.folder / charge.champion.fitted.model_hash
                self._model_made = folder.stat().st_mtime
            except OSError:
                self._why = "the files of the model in charge are gone: it decides until the next start only"
        return "degraded" if charge.trouble else "ok"

    def described(self, status: Status) -> dict[str, str | int | float | None]:
        """Return what `/readyz` tells of this tenant: status and why, the queue, the model's age."""
        age = round((time.time() - self._model_made) / 86_400, 2) if self._model_made else None
        return {
            "tenant": self.name,
            "status": status,
            "why": self._why,
            "waiting": self.desk.waiting,
            "model_days": age,
        }

    def gauge(self, status: Status, *, outside: int) -> None:
        """Set the gauges, before they are read; `outside` are the requests that wait for a seat."""
        self.metrics.set("segue_degraded", float(status == "degraded"))
        self.metrics.set("segue_waiting", self.desk.waiting + outside)

    def close(self) -> None:
        """Finish what waits, then let go of the database."""
        for pool in (self._reading, self._changing):
            pool.close()
        self._watching.shutdown()
        self.desk.close()
        self.workspace.close()
        if self._lock is not None:
            self._lock.close()


def _tell_of_model(tenant: str, trouble: str, error: Exception | None) -> None:
    logs.write("model", {"trouble": trouble, "tenant": tenant}, error=error)


def lock_of(folder: Path) -> IO[bytes]:
    """Return the file whose lock says that a process serves this workspace; it goes with the process.

    Raises
    ------
    WorkspaceError
        When another process holds it.
    """
    lock = (folder / "serve.lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        message = f"{folder} is served by another process already, and SQLite has one writer: stop that one, "
        raise WorkspaceError(f"{message}or move the workspace to PostgreSQL") from None
    return lock


def refusal(error: DatabaseError | CatalogueError | DeclinedError | WorkspaceError) -> RefusedError:
    """Return what a caller reads of an error below: never a database's own text, which may hold data."""
    if isinstance(error, DeclinedError):
        return RefusedError(STATUS[error.kind], error.code, str(error))
    if isinstance(error, CatalogueError):
        return RefusedError(422, "not_in_catalogue", str(error))
    if isinstance(error, WorkspaceError):  # its own text names folders
        message = (
            "the workspace cannot do this as it stands (files of the model are gone?): segue doctor says why"
        )
        return RefusedError(503, "workspace", message, {"retry-after": "60"})
    if is_away(error):
        message = "the database is away or full: send it again, what is stored already is not stored twice"
        return RefusedError(503, "store", message, {"retry-after": "2"})
    raise error
