"""What the pages call things: what was just done, rules, parts of scores, skills, findings, requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from segue.engine.explanations.own_plan import PlanFinding
from segue.engine.recommender import RELAXED
from segue.engine.rules.rule_book import SENTENCES
from segue.features.catalogue import Catalogue, Resource
from segue.service.pages.texts import translations
from segue.workspace.dialogue.requests import LearnerRequest


@cache
def messages(locale: str) -> Mapping[str, str]:
    """Return every message that can follow a posted form."""
    _ = translations(locale).gettext
    return {
        "done": _("Well done: that step is finished."),
        "chosen": _("Your choice is on the list now."),
        "another": _("Here is another step in its place."),
        "claimed": _("Kept. Your list is drawn anew; do the check, and the next lists will know."),
        "not_another": _("There is no other step in its place now."),
        "drawn": _("The lists are drawn."),
        "approved": _("Every step is approved. Learners see it at once."),
        "approve": _("The step is approved. The learner sees it at once."),
        "mustdo": _("It is in every list now."),
        "pin": _("The step is pinned. It stands everywhere at once."),
        "remove": _("The step is taken out. It is gone everywhere at once."),
        "swap": _("The step is swapped. It stands everywhere at once."),
        "plan_approved": _("The plan is approved and in force as the learner's own."),
        "plan_returned": _("The plan went back to the learner."),
        "replied": _("The learner sees your answer now."),
        "given": _("Kept: it is not due any more."),
        "policy_saved": _("The draft is in force from now on."),
        "proposed": _("Your plan is with your teacher now."),
        "asked": _("Your teacher sees this now."),
        "rated": _("Thank you. What you said counts for the next lists."),
        "undone": _("Taken back: everything is as it was."),
        "saved": _("Saved. The new list is in force everywhere."),
        "left": _("Somebody has left the class, and is not on these pages any more."),
        "not_kept": _("Somebody has left the class meanwhile, so this was not done. Please do it again."),
        "not_told": _(
            "The class list did not come from your learning site. Open this page again in a minute."
        ),
        "not_whole": _("This class is larger than these pages can show: its first 500 learners are here."),
        "not_all": _(
            "Not every list could take it: another teacher's word stands, it changed, or nothing is open."
        ),
    }


@cache
def weight_names(locale: str) -> Mapping[str, str]:
    """Return what each weight of a policy version is called, for a teacher."""
    _ = translations(locale).gettext
    return {
        "readiness": _("what it builds on is there"),
        "frontier": _("it comes next in the course"),
        "zone": _("neither too hard nor too easy"),
        "room": _("something is left to learn"),
        "forecast_gain": _("practice changes the forecast"),
        "unlock": _("it opens the way to other skills"),
        "prospect": _("practice here is worth most now"),
        "breadth": _("it practises several skills at once"),
        "completion": _("work of this kind gets finished"),
        "interest": _("interests"),
        "repeat": _("not used before"),
        "teaches_well": _("it has taught others well"),
        "diversity": _("variety within a list"),
        "goal": _("it serves the goal"),
        "pace": _("new ground against consolidation"),
        "mode": _("what the list is for"),
    }


@cache
def limit_names(locale: str) -> Mapping[str, str]:
    """Return what each number of a rule that a teacher may change is called."""
    _ = translations(locale).gettext
    return {
        "ready": _("how ready before something new opens (0 to 1)"),
        "mastered": _("mastered from (0 to 1)"),
        "repeat_days": _("days before something comes again"),
        "per_skill": _("most steps for one skill"),
        "per_kind": _("largest share of one kind (0 to 1)"),
    }


def rule_words(locale: str, rule: str) -> str:
    """Return what a rule says of a resource that it withholds."""
    return translations(locale).gettext(SENTENCES.get(rule, rule))


def gave_way(locale: str, rule: str, how: str) -> str:
    """Return which rule of a list gave way, and at which steps."""
    said = {"rule": rule_words(locale, rule), "steps": how.removeprefix(RELAXED)}
    return translations(locale).gettext("%(rule)s (at step %(steps)s)") % said


@cache
def parts(locale: str) -> Mapping[str, str]:
    """Return what each part of a score is called, for a student."""
    _ = translations(locale).gettext
    return {
        "readiness": _("you have what it builds on"),
        "frontier": _("it comes next in the course"),
        "zone": _("it is neither too hard nor too easy for you now"),
        "room": _("there is something left to learn in it"),
        "forecast_gain": _("practising it now keeps it from fading"),
        "unlock": _("it opens the way to other skills"),
        "prospect": _("practising this is worth a lot now"),
        "breadth": _("it practises several skills at once"),
        "completion": _("you often finish work of this kind"),
        "interest": _("it has to do with what interests you"),
        "repeat": _("you have not used it yet"),
        "diversity": _("it brings variety"),
        "learned": _("other learners learned a lot from it"),
        "teaches_well": _("it has taught others well"),
        "goal": _("it serves your goal"),
        "mode": _("it is due for review"),
        "pace": _("it fits the pace your teacher asked for"),
    }


MOST_REASONS = 4
SMALL = 0.3  # points lost: below this, a part speaks for the step


def reasons(locale: str, shares: Mapping[str, float]) -> list[str]:
    """Return what spoke for a step, the strongest first, from the logged numbers alone."""
    words = parts(locale)
    for_it = sorted((-share, name) for name, share in shares.items() if -share <= SMALL and name in words)
    return [words[name] for _, name in for_it[:MOST_REASONS]]


def aim(catalogue: Catalogue, name: str) -> str:
    """Return a skill in "I can" words; what is no skill stays as it is."""
    at = catalogue.skill_index.get(name)
    return name if at is None else catalogue.skills[at].i_can or catalogue.skills[at].statement or name


def called(catalogue: Catalogue, name: str) -> str:
    """Return the title of a resource; a skill in "I can" words."""
    at = catalogue.resource_index.get(name)
    return aim(catalogue, name) if at is None else catalogue.resources[at].title or name


def finding_words(locale: str, catalogue: Catalogue, finding: PlanFinding) -> str:
    """Return one finding about a plan as a sentence."""
    _ = translations(locale).gettext
    at, about = (finding.step or 0) + 1, called(catalogue, finding.about)
    says = {
        "empty": _("The plan is empty."),
        "unknown": _("Step %(at)s: this is not in the catalogue: %(about)s"),
        "closed": _("Step %(at)s: this is not open now: %(about)s"),
        "retired": _("Step %(at)s: this is no longer in the catalogue: %(about)s"),
        "taken out": _("Step %(at)s: a teacher took this out: %(about)s"),
        "twice": _("Step %(at)s: this is in the plan twice: %(about)s"),
        "early": _("Step %(at)s comes early; what it builds on is not there yet: %(about)s"),
        "no time": _("Step %(at)s has no minutes: %(about)s"),
        "too long": _("It takes longer than there is time."),
        "gap": _("The goal is left out: %(about)s"),
    }
    return says[finding.kind] % {"at": at, "about": about}


def left_words(locale: str, resource: Resource, why: str) -> str:
    """Return what was left out of a list and why, as a sentence."""
    _ = translations(locale).gettext
    says = {
        "closed": _("“%(about)s” is not open now."),
        "retired": _("“%(about)s” is no longer in the catalogue."),
        "course": _("“%(about)s” belongs to a course that has ended for you."),
    }
    out = _("A teacher took out “%(about)s”.")
    return says.get(why, out) % {"about": resource.title or resource.resource_id}


@dataclass(frozen=True)
class AskedLine:
    """What a learner asked, and what came back, in words ("" while nothing did)."""

    statement_id: str
    learner: str
    text: str
    answer: str
    answer_id: str


def request_words(locale: str, catalogue: Catalogue, asked: LearnerRequest) -> AskedLine:
    """Return what a learner asked of the teacher as a sentence, with the answer."""
    _ = translations(locale).gettext
    about = (called if asked.kind == "suggestion" else aim)(catalogue, asked.about)
    says = {
        "talk": _("Asked for a talk: %(about)s"),
        "contest": _("Asked to look at the record again: %(about)s"),
        "suggestion": _("Suggested to the class: %(about)s"),
    }
    came = {"accepted": _("Your teacher agreed."), "declined": _("Your teacher said no."), "": ""}
    seen = ""
    if asked.passed_on:
        seen = translations(locale).ngettext(
            "%(num)s classmate sees it for two weeks, without a name.",
            "%(num)s classmates see it for two weeks, without a name.",
            asked.passed_on,
        ) % {"num": asked.passed_on}
    answer = " ".join(part for part in (came[asked.answer], seen, asked.note) if part)
    text = says[asked.kind] % {"about": about}
    return AskedLine(asked.statement_id, asked.learner, text, answer, asked.answer_id)
