"""The work behind what an LMS back end calls all day. Everything here runs on the tenant's desk."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from pydantic import JsonValue, ValidationError
from pydantic_core import from_json, to_json

from segue.engine.requests.request import Request
from segue.features.catalogue import Catalogue
from segue.service.http.bodies import read_one
from segue.service.http.metrics import Metrics
from segue.service.http.refusals import unreadable
from segue.service.http.request_schemas import AnyEventsBody, EventBody, EventsBody
from segue.service.tenant.conversion import facts_of, fault_of, frame_of, written
from segue.workspace.playlists.answering import Ask, Given
from segue.workspace.playlists.published_playlists import Moment, standing_resources
from segue.workspace.records.decision_queries import set_received
from segue.workspace.records.events import CONFLICT, append_events, conflicting, stored_digests
from segue.workspace.records.learners import find_learners
from segue.workspace.sources.model_registry import Charge
from segue.workspace.storage.database import Connection
from segue.workspace.storage.errors import DeclinedError
from segue.workspace.storage.replies import Reply, keep_replies, replies_for
from segue.workspace.workspace import Workspace

STANDING = Ask(surface="service", request_no=None)
FRESH = Ask(surface="service", request_no=None, fresh=True)
KEY_USED = "this Idempotency-Key was used within a day for another request: take a new one"
GONE = "this learner was erased or has opted out: nothing is stored"


@dataclass(frozen=True)
class Unreadable:
    """An event that is none, with its id when that much could be read."""

    id: str | None
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
    except ValidationError:
        return [_event_of(found) for found in read_one(body, AnyEventsBody).events]


def _event_of(found: JsonValue) -> EventBody | Unreadable:
    try:
        return EventBody.model_validate_json(to_json(found))
    except ValidationError as error:
        event_id = found.get("id") if isinstance(found, dict) else None
        return Unreadable(event_id if isinstance(event_id, str) else None, unreadable(error).message)


class KeyedQuestion(NamedTuple):
    """A request, whether to put the answer in words, and the caller's key with a digest of what it asks."""

    request: Request
    explain: bool = False
    key: str = ""
    digest: bytes = b""


class KeyTakenError(Exception):
    """Another process has answered a question under its key in the meantime."""


@dataclass(frozen=True)
class Decider:
    """Answers recommendations and stores events of one tenant, as many at a time as wait."""

    workspace: Workspace
    metrics: Metrics

    def recommend(self, asked: Sequence[KeyedQuestion]) -> list[bytes]:
        """Return the answers to questions, once they are stored."""
        return self._once(asked, STANDING)

    def recommend_anew(self, asked: Sequence[KeyedQuestion]) -> list[bytes]:
        """Return new lists, whatever stands already."""
        return self._once(asked, FRESH)

    def _once(self, asked: Sequence[KeyedQuestion], ask: Ask) -> list[bytes]:
        """Return the answers; a question that was asked under its key before gets the answer it got then.

        What a teacher changed since, or what was retired, is as it stands now. Answer, decisions and key are
        one commit.

        Raises
        ------
        DeclinedError
            When a key comes with another question than before.
        """
        if not any(question.key for question in asked):
            return self._recommend(asked, ask, {})
        digest = self.workspace.keyring.digest
        keys = [digest("reply", question.key) if question.key else b"" for question in asked]
        while True:
            with contextlib.suppress(KeyTakenError):  # by another process, while this one decided
                return self._under_keys(keys, asked, ask)

    def _under_keys(self, keys: Sequence[bytes], asked: Sequence[KeyedQuestion], ask: Ask) -> list[bytes]:
        now, store = time.time(), self.workspace.store
        with store.group():
            with store.write() as connection:
                known = replies_for(connection, {key for key in keys if key}, now=now)
            first: dict[bytes, KeyedQuestion] = {}
            for key, question in zip(keys, asked, strict=True):
                same = known[key].asked if key in known else first.setdefault(key, question).digest
                if key and same != question.digest:
                    raise DeclinedError("conflict", "key_used", KEY_USED)
            asked_at = {key: question.request.now for key, question in zip(keys, asked, strict=True)}
            with store.write() as connection:
                told = {
                    key: self._told_again(connection, reply, asked_at[key]) for key, reply in known.items()
                }
            mine = {key: question for key, question in first.items() if key}
            new = [*mine.values(), *(q for q in asked if not q.key)]
            answers = self._recommend(new, ask, mine) if new else []
        made = dict(zip(mine, answers, strict=False)) | told
        others = iter(answers[len(mine) :])
        return [made[key] if key else next(others) for key in keys]

    def _told_again(self, connection: Connection, reply: Reply, now: datetime) -> bytes:
        """Return a kept answer for the caller who asks again at `now`, with each step as it stands."""
        said = from_json(reply.body)
        set_received(connection, said["playlist_id"], received=True)
        catalogue = self.workspace.catalogue_in(connection)
        moment = Moment(self.workspace.keyring, catalogue, now)
        stands = standing_resources(connection, moment, reply.learner, said["playlist_id"])
        steps = [
            step if name == step["resource"] else step | facts_of(catalogue, name)
            for step in said["steps"]
            if (name := stands.get(step["decision_id"]))
        ]
        return reply.body if steps == said["steps"] else to_json(said | {"steps": steps})

    def _recommend(
        self, asked: Sequence[KeyedQuestion], ask: Ask, mine: Mapping[bytes, KeyedQuestion]
    ) -> list[bytes]:
        """Return the answers, once stored; those to `mine`, which are asked first, under their keys."""
        answers: list[bytes] = []

        def keep(connection: Connection, given: Sequence[Given], charge: Charge) -> None:
            answers[:] = [
                written(one, charge.champion.recommender, trouble=charge.trouble, explain=question.explain)
                for one, question in zip(given, asked, strict=True)
            ]
            if mine:
                self._keep(connection, dict(zip(mine, answers, strict=False)), mine)

        requests = [question.request for question in asked]
        _, (_, trouble) = self.workspace.answers(requests, ask=ask, also=keep, looked_at=False)
        if trouble:
            self.metrics.count("segue_fallbacks_total", {"reason": trouble}, by=len(asked))
        return answers

    def _keep(
        self, connection: Connection, made: Mapping[bytes, bytes], mine: Mapping[bytes, KeyedQuestion]
    ) -> None:
        now = time.time()
        if not self.workspace.store.is_sqlite and replies_for(connection, set(mine), now=now):
            raise KeyTakenError
        asking = {question.request.learner for question in mine.values()}
        people = find_learners(connection, self.workspace.keyring, asking)
        stays = {source: one.number for source, one in people.items() if not one.opted_out}
        kept = {
            key: Reply(question.digest, stays[question.request.learner], made[key])
            for key, question in mine.items()
            if question.request.learner in stays
        }
        keep_replies(connection, kept, now=now)

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
            catalogue = self.workspace.catalogue_in(connection)
            reasons = [e.reason if isinstance(e, Unreadable) else fault_of(e, catalogue) for e in batch]
            good = [e for e, r in zip(batch, reasons, strict=True) if not r and isinstance(e, EventBody)]
            words = iter(self._append(connection, good, catalogue))
        found = [("rejected", reason) if reason else next(words) for reason in reasons]
        return [
            {"id": event.id, "verdict": verdict, "reason": reason}
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
        new: dict[int, EventBody] = {}
        words = []
        for place, (event, digest) in enumerate(zip(good, digests, strict=True)):
            words.append(("repeat" if digest in seen else "accepted", ""))
            if digest not in seen:
                new[place] = event
            seen.add(digest)
        if len(new) < len(good):
            for place in conflicting(connection, keyring, frame_of(good), tags=catalogue.tag_ids):
                words[place] = ("conflict", CONFLICT)
        if new:
            appended = append_events(connection, keyring, frame_of([*new.values()]), tags=catalogue.tag_ids)
            places = [*new]
            for at, said in appended.notes:
                before = words[places[at]][1]
                words[places[at]] = ("accepted", f"{before}; {said}" if before else said)
            if appended.added < len(new):
                return self._without_gone(connection, good, words)
        return words

    def _without_gone(
        self, connection: Connection, good: Sequence[EventBody], words: list[tuple[str, str]]
    ) -> list[tuple[str, str]]:
        people = find_learners(connection, self.workspace.keyring, {event.learner for event in good})
        stays = {source for source, person in people.items() if not person.opted_out}
        return [w if e.learner in stays else ("rejected", GONE) for e, w in zip(good, words, strict=True)]


def _counted(verdicts: list[dict[str, str | None]], metrics: Metrics) -> bytes:
    words = [verdict["verdict"] for verdict in verdicts]
    counts = {word: words.count(word) for word in ("accepted", "repeat", "conflict", "rejected")}
    for word, n in counts.items():
        if n:
            metrics.count("segue_events_total", {"verdict": word}, by=n)
    return to_json(
        {
            "accepted": counts["accepted"],
            "repeats": counts["repeat"],
            "conflicts": counts["conflict"],
            "rejected": counts["rejected"],
            "verdicts": verdicts,
        }
    )
