"""The work behind what an LMS back end calls all day. Everything here runs on the tenant's desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from segue.engine.request import Request
from segue.features.catalogue import Catalogue
from segue.service.http.metrics import Metrics
from segue.service.http.refusals import unreadable
from segue.service.http.request_schemas import EventBody, EventsBody
from segue.service.tenant.conversion import fault_of, frame_of, written
from segue.workspace.answering import Ask
from segue.workspace.records.events import append_events, stored_digests
from segue.workspace.records.learners import find_learners
from segue.workspace.storage.database import Connection
from segue.workspace.workspace import Workspace

STANDING = Ask(surface="service", request_no=None)
FRESH = Ask(surface="service", request_no=None, fresh=True)
GONE = "this learner was erased or has opted out: nothing is stored"


@dataclass(frozen=True)
class Unreadable:
    """An event that is none, with its id when that much could be read."""

    event_id: str | None
    reason: str


Batch = Sequence[EventBody | Unreadable]


def read_batch(body: bytes) -> Batch:
    """Return the events of a body; one that cannot be read keeps its place, with the reason.

    Raises
    ------
    RefusedError
        When the body is no JSON, or no batch at all.
    """
    try:
        return EventsBody.model_validate_json(body).events
    except ValidationError as error:
        if any(len(fault["loc"]) < 2 or fault["loc"][0] != "events" for fault in error.errors()):
            raise unreadable(error) from None
    return [_read_one(found) for found in from_json(body)["events"]]


def _read_one(found: object) -> EventBody | Unreadable:
    try:
        return EventBody.model_validate(found)
    except ValidationError as error:
        event_id = found.get("id") if isinstance(found, dict) else None
        return Unreadable(event_id if isinstance(event_id, str) else None, unreadable(error).message)


@dataclass(frozen=True)
class Decider:
    """Answers recommendations and stores events of one tenant, as many at a time as wait."""

    workspace: Workspace
    metrics: Metrics

    def recommend(self, asked: Sequence[tuple[Request, bool]]) -> list[bytes]:
        """Return the answers to requests (and whether each is to be put in words), once they are stored."""
        return self._recommend(asked, STANDING)

    def recommend_anew(self, asked: Sequence[tuple[Request, bool]]) -> list[bytes]:
        """Return new lists, whatever stands already."""
        return self._recommend(asked, FRESH)

    def _recommend(self, asked: Sequence[tuple[Request, bool]], ask: Ask) -> list[bytes]:
        entries, (champion, trouble) = self.workspace.answers([request for request, _ in asked], ask=ask)
        if trouble:
            self.metrics.count("segue_fallbacks_total", {"reason": trouble}, by=len(asked))
        return [
            written(entry, champion.recommender, trouble=trouble, explain=explain)
            for entry, (_, explain) in zip(entries, asked, strict=True)
        ]

    def store(self, batches: Sequence[Batch]) -> list[bytes]:
        """Return the answers to batches of events; what is new is stored with the desk's next commit."""
        every = [event for batch in batches for event in batch]
        verdicts = iter(self._verdicts(every))
        answers = []
        for batch in batches:
            mine = [next(verdicts) for _ in batch]
            answers.append(_counted(mine, self.metrics))
        return answers

    def _verdicts(self, batch: Batch) -> list[dict[str, str | None]]:
        with self.workspace.store.write() as connection:
            catalogue, now = self.workspace.catalogue_in(connection), datetime.now(UTC)
            reasons = [_reason(event, catalogue, now) for event in batch]
            good = [e for e, r in zip(batch, reasons, strict=True) if not r and isinstance(e, EventBody)]
            words = iter(self._append(connection, good, catalogue))
        found = [("rejected", reason) if reason else next(words) for reason in reasons]
        return [
            {"id": _id(event), "verdict": verdict, "reason": reason}
            for event, (verdict, reason) in zip(batch, found, strict=True)
        ]

    def _append(
        self, connection: Connection, good: Sequence[EventBody], catalogue: Catalogue
    ) -> list[tuple[str, str]]:
        """Store the good events; return verdict and reason of each."""
        if not good:
            return []
        keyring = self.workspace.keyring
        digests = keyring.event_digests([event.id for event in good])
        seen = stored_digests(connection, digests)
        new: list[EventBody] = []
        words = []
        for event, digest in zip(good, digests, strict=True):
            words.append(("repeat" if digest in seen else "accepted", ""))
            if digest not in seen:
                new.append(event)
            seen.add(digest)
        if new:
            appended = append_events(connection, keyring, frame_of(new), tags=catalogue.tag_ids)
            if appended.added < len(new):
                return self._without_gone(connection, good, words)
        return words

    def _without_gone(
        self, connection: Connection, good: Sequence[EventBody], words: list[tuple[str, str]]
    ) -> list[tuple[str, str]]:
        people = find_learners(connection, self.workspace.keyring, {event.learner for event in good})
        stays = {source for source, person in people.items() if not person.opted_out}
        return [w if e.learner in stays else ("rejected", GONE) for e, w in zip(good, words, strict=True)]


def _id(event: EventBody | Unreadable) -> str | None:
    return event.id if isinstance(event, EventBody) else event.event_id


def _reason(event: EventBody | Unreadable, catalogue: Catalogue, now: datetime) -> str:
    return event.reason if isinstance(event, Unreadable) else fault_of(event, catalogue, now)


def _counted(verdicts: list[dict[str, str | None]], metrics: Metrics) -> bytes:
    words = [verdict["verdict"] for verdict in verdicts]
    counts = {word: words.count(word) for word in ("accepted", "repeat", "rejected")}
    for word, n in counts.items():
        if n:
            metrics.count("segue_events_total", {"verdict": word}, by=n)
    return to_json(
        {
            "accepted": counts["accepted"],
            "repeats": counts["repeat"],
            "rejected": counts["rejected"],
            "verdicts": verdicts,
        }
    )
