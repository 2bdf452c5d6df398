"""Moodle's web service: who is enrolled in a course, and every learner's grades with their maxima.

Written from Moodle's documentation, and tried against a stub that follows it; not against a real site. The
functions are `core_enrol_get_enrolled_users` and `gradereport_user_get_grade_items`.
"""

from __future__ import annotations

from collections.abc import Iterator

from segue.lms.moodle.companions import STAFF
from segue.lms.records.source_records import Event, Json, ReadReport, new_event
from segue.lms.records.untrusted_values import digest, instant, listed, number, obj, score_of, text
from segue.lms.servers.json_calls import JsonServer, ServerError

PATH = "webservice/rest/server.php"


class MoodleServer:
    """A Moodle site, by the token of a web service."""

    def __init__(self, address: str, token: str) -> None:
        self._server = JsonServer(address, {})
        self._token = token

    def students(self, course: str) -> tuple[str, ...]:
        """Return the ids of a course's students; names and addresses are dropped unread."""
        found = self._call("core_enrol_get_enrolled_users", courseid=course)
        if not isinstance(found, list):
            raise ServerError("Moodle's answer has no list of users")
        return tuple(
            text(user.get("id")) for user in map(obj, found) if text(user.get("id")) and _learns(user)
        )

    def events(self, course: str, report: ReadReport) -> Iterator[Event]:
        """Yield every graded item of a course's students; a grade given anew supersedes the one before."""
        for student in self.students(course):
            answer = obj(self._call("gradereport_user_get_grade_items", courseid=course, userid=student))
            for grades in listed(answer.get("usergrades")):
                for item in listed(obj(grades).get("gradeitems")):
                    yield from _graded(obj(item), student, course, report)

    def _call(self, function: str, **parameters: str) -> Json:
        query = {"wstoken": self._token, "wsfunction": function, "moodlewsrestformat": "json"}
        answer = self._server.get(PATH, **query, **parameters)
        if isinstance(answer, dict) and "exception" in answer:
            raise ServerError(f"Moodle refused {function}: {text(answer.get('errorcode'))[:60]}")
        return answer


def _learns(user: dict[str, Json]) -> bool:
    roles = {text(obj(role).get("shortname")) for role in listed(user.get("roles"))}
    return "student" in roles or not roles & STAFF


def _graded(item: dict[str, Json], student: str, course: str, report: ReadReport) -> Iterator[Event]:
    if text(item.get("itemtype")) != "mod" or not text(item.get("id")):
        return
    raw = item.get("graderaw")
    score = score_of(report, raw=raw, low=item.get("grademin"), high=item.get("grademax"))
    module = text(item.get("cmid"))
    time = number(item.get("gradedategraded")) or number(item.get("gradedatesubmitted"))
    kind, key = "other" if score is None else "attempt", digest("grade", student, text(item["id"]))
    place = f"cm:{module}" if module else f"item:{text(item['id'])}"
    made = new_event(kind, student, place, instant(time), score, name=key, place=course)
    yield made | {"key": key, "removed": score is None}
