"""What speaks for and against a plan that a learner made: order, time, what it covers and what it leaves out.

Nothing is forbidden here: a plan is the learner's, its teacher decides. Only what cannot be done at all (a
resource that is not there, not open, retired or taken out for this learner) is not served.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from segue.engine.pipeline import Kernel
from segue.engine.requests.request import Request
from segue.engine.requests.request_batch import RequestBlock
from segue.features.catalogue import Catalogue, Floats
from segue.features.prerequisite_map import readiness

FindingKind = Literal[
    "empty", "unknown", "taken out", "retired", "closed", "twice", "early", "no time", "too long", "gap"
]
LEFT_OUT: tuple[FindingKind, ...] = ("taken out", "retired", "closed")
BLOCKING: tuple[FindingKind, ...] = ("empty", "unknown", *LEFT_OUT)


@dataclass(frozen=True)
class PlanStep:
    """One step of an own plan: a resource of the catalogue, or an activity of the learner's own.

    `minutes` is what the learner reckons with; None takes the catalogue's.
    """

    resource: str = ""
    activity: str = ""
    minutes: float | None = None


@dataclass(frozen=True)
class PlanFinding:
    """One thing to know of a plan: at which step (None: of the whole), and which resource or skill."""

    kind: FindingKind
    step: int | None = None
    about: str = ""


@dataclass(frozen=True)
class PlanCheck:
    """What a plan comes to: findings, minutes in all, the skills it practises and those it leaves out."""

    findings: tuple[PlanFinding, ...]
    minutes: float
    covers: tuple[str, ...]
    gaps: tuple[str, ...]

    @property
    def blocked(self) -> tuple[PlanFinding, ...]:
        """The findings that keep the plan, or a step of it (`LEFT_OUT`), from being served."""
        return tuple(finding for finding in self.findings if finding.kind in BLOCKING)


def check_plan(
    kernel: Kernel,
    asked: RequestBlock,
    plan: Sequence[PlanStep],
    *,
    minutes: float | None = None,
    wanted: Sequence[str] = (),
) -> PlanCheck:
    """Return what speaks for and against a plan.

    Parameters
    ----------
    asked : RequestBlock
        One request of the learner, with the state and the time of the check.
    minutes : float, optional
        What the learner has; None sets no limit.
    wanted : sequence of skill ids
        What the plan ought to practise: the goal, or what needs work.

    A skill is "early" when its readiness is below the limit of the prerequisites rule, whatever the plan has
    practised before counting as known.
    """
    catalogue = kernel.catalogue
    request = asked.requests[0]
    mastery = kernel.scene(asked).skills.mastery.copy()
    found: list[PlanFinding] = [] if plan else [PlanFinding("empty")]
    covers: dict[str, None] = {}
    seen: set[str] = set()
    total = 0.0
    for place, step in enumerate(plan):
        if not step.resource:
            total += step.minutes or 0.0
            found += [PlanFinding("no time", place, step.activity)] if not step.minutes else []
            continue
        if step.resource not in catalogue.resource_index:
            found.append(PlanFinding("unknown", place, step.resource))
            continue
        resource = catalogue.resource(step.resource)
        total += resource.minutes if step.minutes is None else step.minutes
        found += _of_resource(kernel, request, step.resource, place, seen)
        seen.add(step.resource)
        skills = [catalogue.skill_index[name] for name in resource.skills]
        found += _skills_too_early(kernel, mastery, skills, place)
        mastery[0, skills] = np.maximum(mastery[0, skills], 1.0)
        covers |= dict.fromkeys(resource.skills)
    gaps = tuple(skill for skill in dict.fromkeys(wanted) if skill not in covers)
    found += [PlanFinding("gap", None, skill) for skill in gaps] if plan else []
    if minutes is not None and total > minutes:
        found.append(PlanFinding("too long"))
    return PlanCheck(tuple(found), total, tuple(covers), gaps)


def _of_resource(
    kernel: Kernel, request: Request, name: str, place: int, seen: set[str]
) -> Iterator[PlanFinding]:
    if kind := shut(kernel.catalogue, name, request.now.timestamp(), out=request.excluded):
        yield PlanFinding(kind, place, name)
    if name in seen:
        yield PlanFinding("twice", place, name)


def shut(catalogue: Catalogue, name: str, now: float, *, out: Collection[str]) -> FindingKind | None:
    """Return why a resource cannot be a step at `now` (UTC epoch seconds); `out` is what was taken out."""
    if name in out:
        return "taken out"
    if catalogue.resource(name).retired:
        return "retired"
    return None if catalogue.is_open(name, now) else "closed"


def _skills_too_early(
    kernel: Kernel, mastery: Floats, skills: Sequence[int], place: int
) -> Iterator[PlanFinding]:
    ready = readiness(mastery, kernel.skill_map)[0]
    for skill in skills:
        if ready[skill] < kernel.settings.limits.ready:
            yield PlanFinding("early", place, kernel.catalogue.skills[skill].skill_id)
