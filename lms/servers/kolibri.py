"""Kolibri: attempts in, one lesson a learner and week out, through its own HTTP interface (0.19)."""

from __future__ import annotations

import http.cookiejar
import json
import re
import urllib.request
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from segue.lms.outgoing.lesson import Change, Lesson
from segue.lms.records.source_records import Event, new_event
from segue.lms.servers.json_calls import Json, JsonServer, ServerError

LONGEST = 200  # characters of the note that Kolibri keeps with a lesson
LONGEST_TITLE = 50
ASKED = 50  # ids in one address
_WEEK = re.compile(r": week \d{1,2} \((\d{4}-W\d{2})\)$")


class DeviceResources(NamedTuple):
    """Resources by content id: those that lessons name, those of them on the device, and their titles."""

    named: dict[str, dict[str, str]]
    found: dict[str, dict[str, str]]
    titles: dict[str, str]


class Kolibri(JsonServer):
    """A signed-in session of an administrator or coach.

    Parameters
    ----------
    address : str
        For example ``http://127.0.0.1:8080``.
    username, password : str
        The account that may read attempts and write lessons; neither is stored or logged.
    """

    def __init__(self, address: str, username: str, password: str) -> None:
        self._cookies = http.cookiejar.CookieJar()
        headers = {"Content-Type": "application/json", "Referer": address.rstrip("/")}
        super().__init__(address, headers, urllib.request.HTTPCookieProcessor(self._cookies))
        facility = self.get("api/public/v1/facility/")[0]["id"]
        browser = {"name": "segue", "major": "1"}
        login = {"username": username, "password": password, "facility": facility, "active": True}
        answer = self._send(
            "POST", "api/auth/session/", login | {"browser": browser, "os": {"name": "segue"}}
        )
        self._user = str(answer["user_id"])

    def classes(self) -> tuple[str, ...]:
        """Return the ids of the facility's classes."""
        return tuple(str(found["id"]) for found in self.get("api/auth/classroom/"))

    def roster(self, classroom: str) -> tuple[str, ...]:
        """Return the ids of the class's members; logins are left in the LMS."""
        return tuple(self._members(classroom))

    def _members(self, classroom: str) -> dict[str, str]:
        """Return the names of the class's members by id; they are shown to their teacher and kept nowhere."""
        found = self.get("api/auth/facilityuser/", member_of=classroom)
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
            if not (self._is_ours(lesson) or self._is_torn(lesson))
            for resource in lesson["resources"]
        }

    def titles(self, resources: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """Return the titles of those of the resources that are on the device, by content id.

        Raises
        ------
        ServerError
            When the server does not answer.
        """
        nodes = [ids["contentnode_id"] for ids in resources.values()]
        content = {ids["contentnode_id"]: content_id for content_id, ids in resources.items()}
        found = {}
        for start in range(0, len(nodes), ASKED):
            asked = ",".join(nodes[start : start + ASKED])
            for node in self.get("api/content/contentnode/", ids=asked):
                if str(node["id"]) in content:
                    found[content[str(node["id"])]] = " ".join(str(node.get("title") or "").split())
        return found

    def shelf(self, classroom: str) -> DeviceResources:
        """Return what the class's lessons hold, and what of it a learner can open.

        A device that lists no channel at all can't say what was deleted, so everything counts as there.
        """
        named = self.resources(classroom)
        titles = self.titles(named)
        says = titles or self.get("api/content/channel/")
        return DeviceResources(named, {i: ids for i, ids in named.items() if i in titles or not says}, titles)

    def events(self, classroom: str, *, also: Collection[str] = ()) -> Iterator[Event]:
        """Yield every attempt of the class's members on its resources, and a hint where one was taken.

        `also` names resources that the class had before: what was done on them since the last time counts.
        """
        members = set(self.roster(classroom))
        for content_id in dict.fromkeys([*self.resources(classroom), *also]):
            for log in self.get("api/logger/attemptlog/", content=content_id):
                if str(log.get("user")) in members:
                    yield from (event | {"class": classroom} for event in _events(content_id, log))

    def push(self, classroom: str, lessons: Sequence[Lesson]) -> Counter[Change]:
        """Make the class show exactly these lessons for their learners and weeks.

        A lesson is found again by its learner and its title: a second run changes nothing, a changed playlist
        is updated in place. Lessons of other weeks, and of learners who have left, are closed; what teachers
        made is never touched. A resource that is not on the device, or in no teacher's lesson, is left out.

        Raises
        ------
        ServerError
            When the server breaks off: the message says how many lessons were done. The next push goes on.
        """
        known, names = self.shelf(classroom).found, self._members(classroom)
        present: dict[tuple[str, str], Json] = {}
        there = self._lessons(classroom)
        torn = {str(lesson["title"]): lesson for lesson in there if self._is_torn(lesson)}
        taken = {str(lesson["title"]).casefold() for lesson in there if lesson["title"] not in torn}
        for lesson in there:
            if self._is_ours(lesson):
                present[str(lesson["learner_ids"][0]), _week_of(lesson)] = lesson
        weeks = {lesson.week for lesson in lessons}
        wanted = {(lesson.learner, lesson.week) for lesson in lessons if lesson.learner in names}
        done: Counter[Change] = Counter()
        try:
            for lesson in lessons:
                if lesson.learner in names:
                    place = (lesson.learner, lesson.week)
                    old = present.get(place)
                    kept = str(old["title"]) if old else ""
                    title = _title(names[lesson.learner], lesson.week, taken, kept)
                    taken.add(title.casefold())
                    old = old or torn.pop(title, None)
                    done[self._push(classroom, lesson, title, known, old)] += 1
            over = [
                lesson
                for (learner, week), lesson in present.items()
                if (learner, week) not in wanted and (week not in weeks or learner not in names)
            ]
            for lesson in [*over, *torn.values()] if weeks else ():
                if lesson.get("active", True):
                    self._send("PATCH", f"api/lessons/lesson/{lesson['id']}/", {"active": False})
                    done["closed"] += 1
        except ServerError as error:
            raise ServerError(
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
        shown = tuple(item for item in lesson.items if item.resource in known)
        wanted: dict[str, Json] = {
            "title": title,
            "description": replace(lesson, items=shown).note_within(LONGEST),  # numbers as the child counts
            "resources": [dict(known[item.resource]) for item in shown],
        }
        wanted |= {"learner_ids": [lesson.learner], "active": True}
        if present is None:
            fixed = {"collection": classroom, "created_by": self._user, "assignments": []}
            self._send("POST", "api/lessons/lesson/", wanted | fixed)
            return "added"
        if all(present.get(name) == value for name, value in wanted.items()):
            return "unchanged"
        self._send("PATCH", f"api/lessons/lesson/{present['id']}/", wanted | {"assignments": []})
        return "updated"

    def _is_ours(self, lesson: Json) -> bool:
        """Whether a lesson was pushed here: made by this account, for one learner, with our kind of title."""
        made = str(lesson.get("created_by")) == self._user
        return made and len(lesson.get("learner_ids") or ()) == 1 and bool(_week_of(lesson))

    def _is_torn(self, lesson: Json) -> bool:
        """Whether a lesson of ours is nobody's: its learner left, or a push was cut off before.

        Kolibri takes a learner who leaves a class out of the lessons of his own there.
        """
        made = str(lesson.get("created_by")) == self._user
        return made and not lesson.get("learner_ids") and bool(_week_of(lesson))

    def _lessons(self, classroom: str) -> Json:
        return self.get("api/lessons/lesson/", collection=classroom)

    def _send(self, method: str, path: str, body: Json) -> Json:
        token = next((cookie.value for cookie in self._cookies if "csrf" in cookie.name), None)
        if token:
            self._headers["X-CSRFToken"] = token
        return self.call(method, path, body=json.dumps(body).encode())


def _title(name: str, week: str, taken: Collection[str], present: str = "") -> str:
    """Return a title in words that no lesson of the class has yet, or the one that it has already.

    Kolibri compares titles without regard to case, and keeps only so many characters.
    """
    for number in range(1, len(taken) + 2):
        more = (f" ({number})" if number > 1 else "") + f": week {int(week[-2:])} ({week})"
        title = f"{(name or 'A learner')[: LONGEST_TITLE - len(more)].rstrip()}{more}"
        if title == present or title.casefold() not in taken:
            return title
    raise AssertionError("one of more titles than are taken is free")


def _week_of(lesson: Json) -> str:
    """Return the week that a lesson's title ends with; '' for a title that is not ours."""
    found = _WEEK.search(str(lesson.get("title")))
    return found[1] if found else ""


def _events(content_id: str, log: Json) -> Iterator[Event]:
    learner, time = log.get("user"), log.get("end_timestamp") or log.get("start_timestamp")
    if not learner or not time:
        return
    if log.get("complete") and isinstance(log.get("correct"), int | float):
        score = min(max(float(log["correct"]), 0.0), 1.0)
        made = new_event("attempt", str(learner), content_id, str(time), score, name=str(log["id"]))
        yield made | {"seconds": float(log.get("time_spent") or 0.0)}
    if log.get("hinted"):
        yield new_event("hint", str(learner), content_id, str(time), name=f"{log['id']}:hint")
