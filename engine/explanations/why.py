"""Why this one: a student's and a teacher's wording of a step, made from its logged numbers only.

What a student reads, and where points are lost, is worded in any language that has a gettext catalogue; what
is stored are the numbers. The teacher's line is English.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from gettext import NullTranslations
from typing import NamedTuple

import numpy as np

from segue.engine.sampling.playlists import Step
from segue.features.catalogue import Catalogue, Floats, Resource, Skill
from segue.features.history.learner_state import LearnerState
from segue.features.history.state_columns import COUNT, LAST_TIME, SUCCESSES

ENGLISH = NullTranslations()  # the catalogue of the language that the texts are written in
DAY = 86400.0
FEW_TRIES = 2
SHORT = 40  # letters of a statement that fits into a sentence
POINTS = {
    "readiness": "what it builds on",
    "frontier": "what comes before it",
    "zone": "difficulty",
    "room": "room to learn",
    "forecast_gain": "what practice now keeps",
    "unlock": "what it opens",
    "prospect": "what practice here is worth now",
    "breadth": "skills at once",
    "completion": "work that gets finished",
    "interest": "interests",
    "repeat": "used before",
    "teaches_well": "what it taught others",
    "manner": "the manner of teaching",
    "diversity": "variety",
    "learned": "what classes learned from it",
    "goal": "the goal",
    "mode": "due for review",
    "pace": "the pace asked for",
}


READ = ("due", "success", "readiness")  # context columns that the student's words depend on


@dataclass(frozen=True)
class Explanation:
    """One step in words: a sentence or two for the student, and one with the numbers for the teacher."""

    student: str
    teacher: str


@dataclass(frozen=True)
class Record:
    """What a learner did on a skill: tries, how many were right, and days since the last (None: unknown)."""

    tries: int
    right: float
    days: float | None


def record_of(state: LearnerState | None, skill: int, now: float) -> Record:
    """Return a learner's record on a skill at `now` (UTC epoch seconds)."""
    if state is None:
        return Record(0, 0.0, None)
    row = state.rows[skill]
    last = row.item(LAST_TIME)
    days = max(now - last, 0.0) / DAY if math.isfinite(last) else None
    return Record(int(row.item(COUNT)), row.item(SUCCESSES), days)


def explain(
    step: Step,
    catalogue: Catalogue,
    *,
    state: LearnerState | None,
    now: float,
    interests: tuple[str, ...] = (),
    taught: str = "",
    words: NullTranslations = ENGLISH,
) -> Explanation:
    """Return the wording of a step of a playlist of `catalogue`.

    Parameters
    ----------
    state : LearnerState or None
        As the request had it; None for a cold start.
    now : float
        When it was decided, UTC epoch seconds.
    interests : tuple of str
        Tags that the learner stated; one that the resource has is named.
    taught : str
        What is known of what the resource teaches, for the teacher.
    words : NullTranslations
        The catalogue of the student's language.
    """
    resource = catalogue.resource(step.resource)
    past = record_of(state, catalogue.skill_index[resource.skills[0]], now)
    student = student_words(
        catalogue, resource, step.context, state=state, now=now, interests=interests, words=words
    )
    return Explanation(student, teacher=_teacher(step, resource, past, taught))


def student_words(
    catalogue: Catalogue,
    resource: Resource,
    context: Mapping[str, float],
    *,
    state: LearnerState | None,
    now: float,
    interests: tuple[str, ...] = (),
    words: NullTranslations = ENGLISH,
) -> str:
    """Return a step in the student's words; of the `context` it reads `READ`."""
    index = catalogue.skill_index[resource.skills[0]]
    past = record_of(state, index, now)
    due, success, readiness = (context[name] for name in READ)
    days, outlook = _days_since_review(due, past.days), _outlook(success, readiness)
    facts = _StepFacts(past.tries, past.right, days, outlook, _shared(resource, interests))
    return _sentences(_SkillWords.of(catalogue.skills[index], words), facts, words)


def students_words(
    catalogue: Catalogue,
    resources: Sequence[Resource],
    contexts: Floats,
    *,
    rows: Floats,
    now: Floats,
    interests: Sequence[tuple[str, ...]],
) -> list[str]:
    """Return many steps in English, each in the words that `student_words` has for it.

    Parameters
    ----------
    contexts : array of shape (n, 3)
        The columns `READ` of each step.
    rows : array of shape (n, N_COLUMNS)
        What the learner's state says of the first skill of each resource.
    now : array of shape (n,)
        UTC epoch seconds.
    interests : sequence of tuples of str, length n
    """
    last = rows[:, LAST_TIME]
    since = np.where(np.isfinite(last), np.maximum(now - last, 0.0) / DAY, -1.0)  # days; -1: not known
    columns = (rows[:, COUNT].astype(np.int64), rows[:, SUCCESSES], since, *contexts.T)
    skills: dict[str, _SkillWords] = {}
    out = []
    for resource, stated, tries, right, days, due, success, readiness in zip(
        resources, interests, *(column.tolist() for column in columns), strict=True
    ):
        tag = _shared(resource, stated) if stated else ""
        facts = _StepFacts(tries, right, _days_since_review(due, days), _outlook(success, readiness), tag)
        name = resource.skills[0]
        if name not in skills:
            skills[name] = _SkillWords.of(catalogue.skills[catalogue.skill_index[name]], ENGLISH)
        out.append(_sentences(skills[name], facts, ENGLISH))
    return out


class _StepFacts(NamedTuple):
    """What the sentences of a step say, besides its skill.

    `days` since the last try, where it is time for another (else 0); `tag`: an interest that it is about.
    """

    tries: int
    right: float
    days: int
    outlook: int
    tag: str


class _SkillWords(NamedTuple):
    """A skill in words: what it is called, the sentence where it is new, and what one can say afterwards."""

    name: str
    new: str
    can: str

    @classmethod
    def of(cls, skill: Skill, words: NullTranslations) -> _SkillWords:
        name = skill_name(skill, words)
        if name == words.gettext("this skill"):  # it has no name to say
            new = words.gettext("This skill is new for you.")
        else:
            new = words.gettext("This is new for you: %(skill)s.") % {"skill": name}
        can = words.gettext("Then you can say: “%(i_can)s”") % {"i_can": skill.i_can} if skill.i_can else ""
        return cls(name, new, can)


def _sentences(skill: _SkillWords, facts: _StepFacts, words: NullTranslations) -> str:
    sentences = (
        _record_sentence(facts, skill, words) if facts.tries else skill.new,
        _review_sentence(facts, words) if facts.days else _outlook_sentence(facts.outlook, words),
        words.gettext("It is about %(tag)s, which you like.") % {"tag": facts.tag} if facts.tag else "",
        skill.can,
    )
    return " ".join(filter(None, sentences))


def skill_name(skill: Skill, words: NullTranslations = ENGLISH) -> str:
    """Return how a person calls a skill within a sentence: a short statement, else an id made of words.

    >>> skill_name(Skill("unit-rates", statement="Turn a ratio into an amount for one unit and use it."))
    'unit rates'
    >>> skill_name(Skill("k7")), skill_name(Skill("k7", statement="Add fractions."))
    ('this skill', 'add fractions')
    """
    name = skill.skill_id.replace("-", " ").replace("_", " ")
    if 0 < len(skill.statement) <= SHORT:
        return (skill.statement[0].lower() + skill.statement[1:]).rstrip(".")
    return name if name.replace(" ", "").isalpha() else words.gettext("this skill")


def _record_sentence(facts: _StepFacts, skill: _SkillWords, words: NullTranslations) -> str:
    said = {"skill": skill.name, "right": f"{facts.right:.3g}", "tries": facts.tries}
    if facts.tries >= FEW_TRIES:
        return words.gettext("You were right %(right)s of %(tries)s times on %(skill)s.") % said
    return words.gettext("You have tried %(skill)s once.") % said


def _days_since_review(due: float, days: float | None) -> int:
    """Return how many days ago the last attempt was, where the step is a review of it; else 0."""
    return max(round(days), 1) if due >= 0.5 and days is not None and days >= 1.0 else 0


def _review_sentence(facts: _StepFacts, words: NullTranslations) -> str:
    if 2 * facts.right >= facts.tries:
        said = words.ngettext(
            "That was a day ago: time to refresh it.",
            "That was %(num)s days ago: time to refresh it.",
            facts.days,
        )
    else:
        said = words.ngettext(
            "That was a day ago: time to try it again.",
            "That was %(num)s days ago: time to try it again.",
            facts.days,
        )
    return said % {"num": facts.days}


WELL, MANAGED, READY, STRETCH = range(4)  # how a step should go


def _outlook(success: float, readiness: float) -> int:
    if success >= 0.85:
        return WELL
    if success >= 0.6:
        return MANAGED
    return READY if readiness >= 0.6 else STRETCH


def _outlook_sentence(outlook: int, words: NullTranslations) -> str:
    if outlook == WELL:
        return words.gettext("This one should go well.")
    if outlook == MANAGED:
        return words.gettext("This one is a step up that you can manage.")
    if outlook == READY:
        return words.gettext("This one is a stretch, and you have what it builds on.")
    return words.gettext("This one is a stretch: ask for help when you need it.")


def _tries(tries: int) -> str:
    return "1 try" if tries == 1 else f"{tries} tries"


def _shared(resource: Resource, interests: tuple[str, ...]) -> str:
    """Return the first of a learner's interests that a resource is about, "" for none."""
    return next((tag for tag in interests if tag in resource.tags), "")


def _teacher(step: Step, resource: Resource, past: Record, taught: str) -> str:
    c = step.context
    facts = [
        f"{resource.title or resource.resource_id} ({resource.kind}, {resource.minutes:g} min)",
        f"chance of success {c['success']:.0%}, mastery {c['mastery']:.0%} after {_tries(past.tries)}",
        f"readiness {c['readiness']:.0%}",
        "points lost: " + lost(step.reasons),
        f"drawn with probability {step.propensity:.2g}" + (" (explored)" if step.explored else ""),
    ]
    if taught:
        facts.append(taught)
    if step.relaxed:
        facts.append("gave way: " + ", ".join(step.relaxed))
    if step.override is not None:
        facts.append(f"placed by the {step.override['by']} ({step.override['reason']})")
    return "; ".join(facts) + "."


def lost(reasons: Mapping[str, float], most: int = 3, words: NullTranslations = ENGLISH) -> str:
    """Return where most points of a score are lost, e.g. "difficulty 0.41, interests 0.20".

    >>> lost({"zone": -0.41, "interest": -0.2, "readiness": 0.0})
    'difficulty 0.41, interests 0.20'
    """
    order = sorted((value, name) for name, value in reasons.items() if value < -0.005)[:most]
    said = [f"{words.gettext(POINTS.get(name, name))} {-value:.2f}" for value, name in order]
    return ", ".join(said) or words.gettext("none")
