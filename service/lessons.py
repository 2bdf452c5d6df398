"""A week's lists as lessons: the steps that stand, with their reasons, for every door that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from segue.features.iso_weeks import week_of
from segue.lms.outgoing.lesson import Lesson, LessonItem

if TYPE_CHECKING:
    from segue.workspace.playlists.published_playlists import ShownList
    from segue.workspace.workspace import Workspace


def lessons_of(space: Workspace, roster: Sequence[str], week: str, *, now: datetime) -> list[Lesson]:
    """Return the week's lists of a roster as lessons, as they stand at `now` (UTC-aware).

    Who has none, or opted out, is left out.
    """
    found = []
    for who in roster:
        lists = space.lists(who, now=None, at=now, week=week, surface="weekly")
        if any(one.current for one in lists):
            found.append(_lesson(space, who, week, lists))
    return found


def lessons_since(space: Workspace, learner: str, now: datetime) -> list[Lesson]:
    """Return a learner's lessons from the week before `now` (UTC-aware) on, in order."""
    first = week_of(now - timedelta(days=7), space.time_zone)
    lists = space.lists(learner, now=None, surface="weekly")
    weeks = sorted({one.week for one in lists if one.week >= first})
    return [lesson for week in weeks for lesson in lessons_of(space, [learner], week, now=now)]


def _lesson(space: Workspace, who: str, week: str, lists: Sequence[ShownList]) -> Lesson:
    catalogue = space.catalogue()
    items: dict[str, LessonItem] = {}
    aims: dict[str, None] = {}
    for one in reversed([one for one in lists if one.current]):  # courses in their order
        for step in one.todo:
            item = LessonItem(step.resource, step.title or step.resource, step.url, step.minutes, step.why)
            items.setdefault(step.resource, item)
            code = catalogue.resource_index.get(step.resource)
            for skill in () if code is None else catalogue.resources[code].skills:
                said = catalogue.skills[catalogue.skill_index[skill]].i_can
                if said:
                    aims.setdefault(said)
    before = {
        name for one in lists for step in one.steps for name in (step.resource, step.instead_of) if name
    } - set(items)
    withdrawn = [catalogue.resource(name) for name in sorted(before) if name in catalogue.resource_index]
    changed = [one.made for one in lists]
    mine = {step.decision_id for one in lists for step in one.steps}
    for act in space.overrides(who):
        if act.decision_id in mine:
            moments = (act.time, act.undone)
            changed += [datetime.fromtimestamp(moment / 1e6, UTC) for moment in moments if moment is not None]
    return Lesson(
        who,
        week,
        tuple(items.values()),
        objectives=tuple(aims),
        withdrawn=tuple(LessonItem(r.resource_id, r.title, r.url, r.minutes) for r in withdrawn),
        changed=max(changed),
    )
