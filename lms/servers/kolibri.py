"""Kolibri: attempts in, one lesson a learner and week out, through its own HTTP interface (0.19)."""

from __future__ import annotations

import http.cookiejar
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from segue.lms.outgoing.lesson import Change, Lesson
from segue.lms.records.source_records import Event

Json = Any
_SECONDS = 60
LONGEST = 190  # characters of the note that Kolibri keeps with a lesson
_WEEK = re.compile(r": week \d{1,2} \((\d{4}-W\d{2})\)$")


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

    def classes(self) -> tuple[str, ...]:
        """Return the ids of the facility's classes."""
        return tuple(str(found["id"]) for found in self._call("GET", "/api/auth/classroom/"))

    def roster(self, classroom: str) -> tuple[str, ...]:
        """Return the ids of the class's members; logins are left in the LMS."""
        return tuple(self._members(classroom))

    def _members(self, classroom: str) -> dict[str, str]:
        """Return the names of the class's members by id; they are shown to their teacher and kept nowhere."""
        found = self._call("GET", f"/api/auth/facilityuser/?{_query(member_of=classroom)}")
        return {str(user["id"]): " ".join(str(user.get("full_name") or "").split()) for user in found}

    def resources(self, classroom: str) -> dict[str, dict[str, str]]:
        """Return what the teachers' lessons of the class hold: content id to the three ids a lesson needs.

        Lessons that were pushed here don't count: they prove only that something was there once.
        """
        return {
            str(resource["content_id"]): {
                name: str(resource[name]) for name in ("content_id", "channel_id", "contentnode_id")
            }
            for lesson in self._lessons(classroom)
            if not self._is_ours(lesson)
            for resource in lesson["resources"]
        }

    def titles(self, resources: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """Return the titles of resources that are on the device, by content id."""
        found = {}
        for content_id, ids in resources.items():
            try:
                node = self._call("GET", f"/api/content/contentnode/{ids['contentnode_id']}/")
            except KolibriError:
                continue
            title = " ".join(str(node.get("title") or "").split()) if isinstance(node, dict) else ""
            if title:
                found[content_id] = title
        return found

    def events(self, classroom: str) -> Iterator[Event]:
        """Yield every attempt of the class's members on its resources, and a hint where one was taken."""
        members = set(self.roster(classroom))
        for content_id in self.resources(classroom):
            for log in self._call("GET", f"/api/logger/attemptlog/?{_query(content=content_id)}"):
                if str(log.get("user")) in members:
                    yield from (event | {"class": classroom} for event in _events(content_id, log))

    def push(self, classroom: str, lessons: Sequence[Lesson]) -> Counter[Change]:
        """Make the class show exactly these lessons for their learners and weeks.

        A lesson is found again by its learner and its title: a second run changes nothing, a changed playlist
        is updated in place. Lessons of other weeks, and of learners who have left, are closed; what teachers
        made is never touched. A resource that no teacher's lesson has any more is left out of the lesson.

        Raises
        ------
        KolibriError
            When the server breaks off: the message says how many lessons were done. The next push goes on.
        """
        known, names = self.resources(classroom), self._members(classroom)
        present: dict[tuple[str, str], Json] = {}
        for lesson in self._lessons(classroom):
            if self._is_ours(lesson):
                present[str(lesson["learner_ids"][0]), _week_of(lesson)] = lesson
        weeks = {lesson.week for lesson in lessons}
        wanted = {(lesson.learner, lesson.week) for lesson in lessons if lesson.learner in names}
        done: Counter[Change] = Counter()
        try:
            for lesson in lessons:
                if lesson.learner in names:
                    place = (lesson.learner, lesson.week)
                    title = _title(lesson, names)
                    done[self._push(classroom, lesson, title, known, present.get(place))] += 1
            for (learner, week), lesson in present.items():
                is_over = (learner, week) not in wanted and (week not in weeks or learner not in names)
                if weeks and is_over and lesson.get("active", True):
                    self._call("PATCH", f"/api/lessons/lesson/{lesson['id']}/", {"active": False})
                    done["closed"] += 1
        except KolibriError as error:
            raise KolibriError(
                f"{sum(done.values())} of {len(lessons)} lessons were done, then {error}; push again to go on"
            ) from None
        return done

    def _push(
        self,
        classroom: str,
        lesson: Lesson,
        title: str,
        known: Mapping[str, Mapping[str, str]],
        present: Json,
    ) -> Change:
        resources = [dict(known[i.resource]) for i in lesson.items if i.resource in known]
        wanted: dict[str, Json] = {
            "title": title,
            "description": lesson.note[:LONGEST],
            "resources": resources,
        }
        wanted |= {"learner_ids": [lesson.learner], "active": True}
        if present is None:
            fixed = {"collection": classroom, "created_by": self._user, "assignments": []}
            self._call("POST", "/api/lessons/lesson/", wanted | fixed)
            return "added"
        if all(present.get(name) == value for name, value in wanted.items()):
            return "unchanged"
        self._call("PATCH", f"/api/lessons/lesson/{present['id']}/", wanted | {"assignments": []})
        return "updated"

    def _is_ours(self, lesson: Json) -> bool:
        """Whether a lesson was pushed here: made by this account, for one learner, with our kind of title."""
        made = str(lesson.get("created_by")) == self._user
        return made and len(lesson.get("learner_ids") or ()) == 1 and bool(_week_of(lesson))

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


def _title(lesson: Lesson, names: Mapping[str, str]) -> str:
    """Return a title in words that no other lesson of the class has: the learner's name and the week."""
    name = names.get(lesson.learner) or "A learner"
    same = sorted(who for who, other in names.items() if (other or "A learner") == name)
    number = f" ({same.index(lesson.learner) + 1})" if len(same) > 1 and lesson.learner in same else ""
    return f"{name[:60]}{number}: week {int(lesson.week[-2:])} ({lesson.week})"


def _week_of(lesson: Json) -> str:
    """Return the week that a lesson's title ends with; '' for a title that is not ours."""
    found = _WEEK.search(str(lesson.get("title")))
    return found[1] if found else ""


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
