"""Canvas: a learner's playlist as a module of links, assigned to that learner alone, through canvasapi."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import requests
from canvasapi import Canvas
from canvasapi.exceptions import CanvasException
from canvasapi.util import combine_kwargs

from segue.lms.canvas.reader import global_id
from segue.lms.outgoing.lesson import Change, Lesson
from segue.lms.servers.json_calls import ServerError

Course = Any  # canvasapi.course.Course; the library ships no types
Module = Any
LONGEST = 250  # characters of a heading


def course_at(address: str, token: str, course: str) -> Course:
    """Return a course of a Canvas, by a local or a global id.

    Raises
    ------
    ServerError
        When Canvas refuses, or does not answer.
    """
    if not course.isdecimal():
        raise ValueError("the course is given by its number, as in its address")
    try:
        return Canvas(address, token).get_course(course)
    except (CanvasException, requests.RequestException) as error:
        raise ServerError(f"Canvas did not give the course ({type(error).__name__})") from None


def students(course: Course, named: str) -> tuple[str, ...]:
    """Return the ids of a course's active students, global where the course's id (`named`) is a global one.

    Test students are none; names and addresses are dropped.

    Raises
    ------
    ServerError
        When Canvas refuses, or does not answer.
    """
    try:
        found = course.get_users(enrollment_type=["student"], enrollment_state=["active"])
        return tuple(dict.fromkeys(global_id(str(user.id), named) for user in found))
    except (CanvasException, requests.RequestException) as error:
        raise ServerError(f"Canvas did not give the course's students ({type(error).__name__})") from None


def push(course: Course, lessons: Sequence[Lesson]) -> Counter[Change]:
    """Make `course` hold exactly one module per lesson, and return how many were added, updated, unchanged.

    The module's name carries the lesson's key, so a second run finds it; items that differ are replaced.

    Raises
    ------
    ServerError
        When Canvas breaks off: the message says how many modules were done.
    """
    done: Counter[Change] = Counter()
    try:
        present = {str(module.name): module for module in course.get_modules()}
        for lesson in lessons:
            done[_push(course, lesson, present.get(_name(lesson)))] += 1
    except (CanvasException, requests.RequestException) as error:
        said = f"{sum(done.values())} of {len(lessons)} modules were done, then Canvas refused or was away"
        raise ServerError(f"{said} ({type(error).__name__}); push again to go on") from None
    return done


def _name(lesson: Lesson) -> str:
    return f"{lesson.heading} [{lesson.key}]"


def _push(course: Course, lesson: Lesson, module: Module | None) -> Change:
    """Create, fill, assign, publish, in this order: a push that was cut short is finished by the next."""
    wanted = _wanted(lesson)
    change: Change = "added" if module is None else "updated"
    module = module or course.create_module(module={"name": _name(lesson)})
    present = list(module.get_module_items())
    same = [(item.title, getattr(item, "external_url", "") or "") for item in present] == wanted
    if same and getattr(module, "published", False):
        return "unchanged"
    if not same:
        _refill(module, present, wanted)
    _assign(module, lesson.learner)
    module.edit(module={"published": True})
    return change


def _wanted(lesson: Lesson) -> list[tuple[str, str]]:
    """Return (title, address) of each item: objectives first, a reason below each step, both as headings."""
    items = [(f"This week: {' '.join(lesson.objectives)}"[:LONGEST], "")] if lesson.objectives else []
    for item in lesson.items:
        items.append((item.title, item.url))
        if item.why:
            items.append((item.why[:LONGEST], ""))
    return items


def _refill(module: Module, present: Sequence[Any], wanted: Sequence[tuple[str, str]]) -> None:
    for item in present:
        item.delete()
    for position, (title, url) in enumerate(wanted, start=1):
        link = {"type": "ExternalUrl", "external_url": url} if url else {"type": "SubHeader"}
        module.create_module_item(module_item=link | {"title": title, "position": position})


def _assign(module: Module, learner: str) -> None:
    """Show the module to one learner only; canvasapi has no method for this call of Canvas's yet."""
    module._requester.request(
        "PUT",
        f"courses/{module.course_id}/modules/{module.id}/assignment_overrides",
        _kwargs=combine_kwargs(overrides=[{"student_ids": [learner]}]),
    )
