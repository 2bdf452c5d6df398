"""What a tracking log says more than once: the second record of a submission, and the grade given anew."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime

from segue.lms.records.source_records import Event, ReadReport
from segue.lms.records.untrusted_values import digest

REGRADES = frozenset(
    {"edx.grades.problem.rescored", "edx.grades.problem.score_overridden", "problem_rescore"}
)
"""Records that give an attempt another score."""
RESETS = frozenset({"edx.grades.problem.state_deleted"})
"""Records that take all attempts at a problem back."""
CAPACITY = 200_000  # pairs of learner and problem that are remembered


class KnownAttempts:
    """The attempts of each learner at each problem, by the key that a regrade finds them with."""

    def __init__(self) -> None:
        self._keys: OrderedDict[tuple[str, str], list[str]] = OrderedDict()

    def counted(self, event: Event) -> Event:
        """Return an attempt with its key; other events as they are."""
        if event["kind"] != "attempt":
            return event
        place = (event["learner"], event["resource"])
        key = _key(*place, event["attempt_no"]) if "attempt_no" in event else event["id"]
        keys = self._keys.setdefault(place, [])
        if key not in keys:
            keys.append(key)
        if len(self._keys) > CAPACITY:
            self._keys.popitem(last=False)
        return event | {"key": key}

    def corrected(self, event: Event, name: str, report: ReadReport) -> Iterator[Event]:
        """Yield the attempt of a regrade, or the removal of all attempts at a problem."""
        place = (event["learner"], event["resource"])
        keys = self._keys.get(place, [])
        if name in RESETS:
            if not keys:
                report.skip("state deleted of attempts that this log does not hold")
            for key in keys:
                yield event | {"kind": "other", "score": None, "key": key, "removed": True}
            return
        if event["score"] is None:
            report.skip("regrade without a score")
            return
        if "attempt_no" in event:
            key = _key(*place, event["attempt_no"])
            yield event | {"key": key}
        elif keys:
            yield event | {"key": keys[-1]}
        elif event["score"] > 0:  # credit for work that this log does not hold
            yield event
        else:
            report.skip("score of 0 for work never handed in")


def _key(learner: str, problem: str, number: int) -> str:
    return digest("attempt", learner, problem, number)


class Submissions:
    """Remembers the last scored records, a bounded number, to know the second record of one submission."""

    def __init__(self, capacity: int = 20_000, seconds: float = 10.0) -> None:
        self._last: OrderedDict[tuple[str, str], tuple[str, float | None, datetime]] = OrderedDict()
        self._capacity, self._seconds = capacity, seconds

    def is_second(self, event: Event, name: str) -> bool:
        """Whether another kind of record said the same of this learner and problem moments before."""
        if event["kind"] != "attempt" or event["time"] is None:
            return False
        key, now = (event["learner"], event["resource"]), datetime.fromisoformat(event["time"])
        before = self._last.pop(key, None)
        if before is not None and before[0] != name and before[1] == event["score"]:
            apart = abs((now - before[2]).total_seconds())
            if apart <= self._seconds:
                return True
        self._last[key] = (name, event["score"], now)
        if len(self._last) > self._capacity:
            self._last.popitem(last=False)
        return False
