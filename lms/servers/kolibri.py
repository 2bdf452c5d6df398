"""Kolibri: attempts in, one lesson a learner and week out, through its own HTTP interface (0.19)."""

from __future__ import annotations

import hashlib
import http.cookiejar
import json
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from segue.lms.outgoing.lesson import Change, Lesson
from segue.lms.records.source_records import Event

Json = Any
_SECONDS = 60


class KolibriError(RuntimeError):
    """The server refused a call; the message names the call and its status, never what was sent."""


class Kolibri:
    """A signed-in session of an administrator or coach.

    Parameters
    ----------
    address : str
        For example ``http://127.0.0.1:8080``.
    username, password : str
        The account that may read attempts and write lessons; neither is stored or logged.
    """

    def __init__(self, address: str, username: str, password: str) -> None:
        if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
            raise ValueError(f"address must start with http:// or https://, got {address!r}")
        self._address = address.rstrip("/")
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))
        facility = self._call("GET", "/api/public/v1/facility/")[0]["id"]
        browser = {"name": "segue", "major": "1"}
        login = {"username": username, "password": password, "facility": facility, "active": True}
        answer = self._call(
            "POST", "/api/auth/session/", login | {"browser": browser, "os": {"name": "segue"}}
        )
        self._user = str(answer["user_id"])

    def roster(self, classroom: str) -> tuple[str, ...]:
        """Return the ids of the class's members; names and logins are left in the LMS."""
        found = self._call("GET", f"/api/auth/facilityuser/?{_query(member_of=classroom)}")
        return tuple(str(user["id"]) for user in found)

    def resources(self, classroom: str) -> dict[str, dict[str, str]]:
        """Return the resources of the class's lessons: content id to the three ids a lesson needs."""
        return {
            str(resource["content_id"]): {
                name: str(resource[name]) for name in ("content_id", "channel_id", "contentnode_id")
            }
            for lesson in self._lessons(classroom)
            for resource in lesson["resources"]
        }

    def events(self, classroom: str) -> Iterator[Event]:
        """Yield every attempt on the class's resources, and a hint event where one was taken."""
        for content_id in self.resources(classroom):
            for log in self._call("GET", f"/api/logger/attemptlog/?{_query(content=content_id)}"):
                yield from _events(content_id, log)

    def push(self, classroom: str, lessons: Sequence[Lesson]) -> Counter[Change]:
        """Make the class show exactly these lessons for their learners and weeks.

        A lesson is found again by its key, kept in the description: a second run changes nothing, a changed
        playlist is updated in place, nothing else is touched. An item that the class does not have is an
        error that names it, before anything is written.
        """
        known = self.resources(classroom)
        missing = sorted({i.resource for lesson in lessons for i in lesson.items} - set(known))
        if missing:
            raise KolibriError(
                f"{len(missing)} items are in no lesson of class {classroom}, the first is {missing[0]}: "
                "add them to a lesson of the class, or leave them out of the candidates"
            )
        present = {str(lesson["description"]): lesson for lesson in self._lessons(classroom)}
        return Counter(
            self._push(classroom, lesson, [known[i.resource] for i in lesson.items], present.get(lesson.key))
            for lesson in lessons
        )

    def _push(self, classroom: str, lesson: Lesson, resources: list[dict[str, str]], present: Json) -> Change:
        wanted = {"title": _title(lesson), "resources": resources, "learner_ids": [lesson.learner]}
        if present is None:
            fixed = {"description": lesson.key, "collection": classroom, "created_by": self._user}
            self._call("POST", "/api/lessons/lesson/", wanted | fixed | {"assignments": [], "active": True})
            return "added"
        if all(present[name] == value for name, value in wanted.items()):
            return "unchanged"
        self._call("PATCH", f"/api/lessons/lesson/{present['id']}/", wanted | {"assignments": []})
        return "updated"

    def _lessons(self, classroom: str) -> Json:
        return self._call("GET", f"/api/lessons/lesson/?{_query(collection=classroom)}")

    def _call(self, method: str, path: str, body: Json = None) -> Json:
        headers = {"Content-Type": "application/json", "Referer": self._address}
        token = next((cookie.value for cookie in self._cookies if "csrf" in cookie.name), None)
        if token:
            headers["X-CSRFToken"] = token
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._address + path, data=data, headers=headers, method=method)
        try:
            with self._opener.open(request, timeout=_SECONDS) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            raise KolibriError(
                f"{method} {path.split('?', maxsplit=1)[0]} was refused with status {error.code}"
            ) from None
        except urllib.error.URLError as error:
            raise KolibriError(
                f"{self._address} does not answer ({error.reason}): is the server up?"
            ) from None
        return json.loads(content) if content else None


def _title(lesson: Lesson) -> str:
    """Return the heading with a short code: Kolibri wants the titles of a class to differ."""
    return f"{lesson.heading} #{hashlib.blake2b(lesson.key.encode(), digest_size=3).hexdigest()}"


def _query(**values: str) -> str:
    return urllib.parse.urlencode(values)


def _events(content_id: str, log: Json) -> Iterator[Event]:
    learner, time = log.get("user"), log.get("end_timestamp") or log.get("start_timestamp")
    if not learner or not time:
        return
    if log.get("complete") and isinstance(log.get("correct"), int | float):
        yield Event(
            kind="attempt",
            learner=str(learner),
            resource=content_id,
            score=min(max(float(log["correct"]), 0.0), 1.0),
            time=str(time),
            id=str(log["id"]),
            seconds=float(log.get("time_spent") or 0.0),
        )
    if log.get("hinted"):
        yield Event(
            kind="hint",
            learner=str(learner),
            resource=content_id,
            score=None,
            time=str(time),
            id=f"{log['id']}:hint",
        )
