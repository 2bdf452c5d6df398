"""What became of a step: the learner's pick and rating, and what teachers did with it, and undid."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from segue.workspace.playlists.published_playlists import Moment, held_in
from segue.workspace.playlists.step_standing import Held
from segue.workspace.records.decision_queries import decision_of, heads_of, set_cell
from segue.workspace.records.events import (
    Fact,
    note_fact,
    note_interests,
    score_of_fact,
    take_back_fact,
)
from segue.workspace.records.learners import add_learners, require_profiled
from segue.workspace.records.overrides import (
    Action,
    OverrideRecord,
    acts_on,
    add_override,
    override_of,
    standing_for,
    undo,
)
from segue.workspace.storage.database import Connection, Row
from segue.workspace.storage.errors import DeclinedError, erased_learner, opted_out_learner
from segue.workspace.storage.pseudonyms import teacher_pseudonym

REASONS = ("too_easy", "too_hard", "done_in_class", "not_suitable", "priority", "other")
LearnerFact = Literal["choice", "rating", "completion"]
FACTS: tuple[LearnerFact, ...] = ("choice", "rating", "completion")
ACTIONS: tuple[Action, ...] = ("pin", "remove", "swap", "approve")
NOTHING_PUT_IN: tuple[Action, ...] = ("remove", "approve")


@dataclass(frozen=True)
class StepChange:
    """What a teacher wants done with a step.

    `resource` is what to put in (needed for swap; a pin without one pins the step's own); `until` ends what
    a removal keeps out, and a pin keeps in, of later lists; `seen` is what the teacher saw there, to be done.
    """

    action: Action
    by: str
    reason: str = "other"
    resource: str | None = None
    until: datetime | None = None
    seen: str | None = None


@dataclass(frozen=True)
class StepFeedback:
    """What is said of steps and of oneself, within one write; nothing is stored of what is declined.

    `read` is how lists stand that were read, by id: who acts on many steps, and puts at most one thing into a
    list, has each read once.
    """

    connection: Connection
    moment: Moment
    read: dict[str, Mapping[str, Held]] = field(default_factory=dict)

    def choose(self, decision_id: str, resource: str) -> bool:
        """Keep which option of a menu was picked; return False when it was known.

        Raises
        ------
        DeclinedError
            For another decision, a step without a menu or one that a teacher has changed, no option of it or
            one that is closed, taken out for this learner or another step of the list by now, or after
            another pick.
        """
        row = known_decision(self.connection, decision_id)
        menu = json.loads(row.menu)
        if not menu:
            message = "this step offered no menu: there was nothing to choose"
            raise DeclinedError("conflict", "no_menu", message)
        if resource not in menu["offered"]:
            options = ", ".join(menu["offered"])
            message = f"resource must be one of the step's options: {options}"
            raise DeclinedError("invalid", "not_offered", message)
        if menu.get("picked") not in (None, resource):
            raise DeclinedError("conflict", "chosen", "another option of this step was picked before")
        if "picked" not in menu:
            acts = acts_on(self.connection, [decision_id])
            if any(act.undone is None and act.action != "approve" for act in acts):
                message = "a teacher has changed this step: there is no choice"
                raise DeclinedError("conflict", "changed", message)
            self._check_open(row, resource)
            _check_new(self._held(row), row, resource)
        set_cell(self.connection, decision_id, "menu", {**menu, "picked": resource})
        return note_fact(self.connection, self.moment.keyring, row, Fact("choice", resource, self.moment.at))

    def rate(self, decision_id: str, rating: float, *, seen: str | None = None) -> bool:
        """Keep how the learner liked a step, or what was `seen` at it; return False when it was known.

        Raises
        ------
        DeclinedError
            For another decision, one rated before in another way, or when something else stands there by now.
        """
        if not 0.0 <= rating <= 1.0:
            raise DeclinedError("invalid", "not_a_rating", f"a rating must be in [0, 1], got {rating}")
        row = known_decision(self.connection, decision_id)
        shown = _still_there(self._held(row), row, seen)
        keyring, fact = self.moment.keyring, Fact("rating", shown, self.moment.at, rating)
        stored = note_fact(self.connection, keyring, row, fact)
        if not stored and score_of_fact(self.connection, keyring, "rating", decision_id) != rating:
            raise DeclinedError("conflict", "rated", "this step was rated before, in another way")
        return stored

    def finish(self, decision_id: str, *, seen: str | None = None) -> bool:
        """Keep that the learner is done with a step, or what was `seen` at it; return False when known.

        Raises
        ------
        DeclinedError
            For another decision, or when something else stands there by now.
        """
        row = known_decision(self.connection, decision_id)
        shown = _still_there(self._held(row), row, seen)
        return note_fact(self.connection, self.moment.keyring, row, Fact("completion", shown, self.moment.at))

    def take_back(self, decision_id: str, said: LearnerFact) -> bool:
        """Take back what a learner said of a step: the choice, the rating, or that it is done.

        Returns False when nothing of the kind stands.

        Raises
        ------
        DeclinedError
            For another decision, another kind, or when what was drawn is another step of the list by now.
        """
        if said not in FACTS:
            raise DeclinedError("invalid", "no_fact", f"what is taken back is one of {', '.join(FACTS)}")
        row = known_decision(self.connection, decision_id)
        if said == "choice" and (menu := json.loads(row.menu)):
            set_cell(self.connection, decision_id, "menu", {k: v for k, v in menu.items() if k != "picked"})
            held = self._held(row)
            _check_new(held, row, _shown(held, row))  # else what was just taken back stays
        return take_back_fact(self.connection, self.moment.keyring, row, said, self.moment.at)

    def override(self, decision_id: str, change: StepChange) -> tuple[str, bool]:
        """Keep what a teacher does with a step; return the act's id, and False when it held already.

        Raises
        ------
        DeclinedError
            For another decision, a resource that is missing, unknown, closed, in the list already or taken
            out for this learner, when another teacher's act stands on the step, or when what was `seen` there
            is gone or done by now.
        """
        row = known_decision(self.connection, decision_id)
        teacher = teacher_pseudonym(self.moment.keyring, change.by)
        acts = [act for act in acts_on(self.connection, [decision_id]) if act.undone is None]
        micros = round(self.moment.at.timestamp() * 1e6)
        until = None if change.until is None else round(change.until.timestamp() * 1e6)
        for act in acts:
            if act.teacher == teacher and _says_the_same(act, change, until):
                return act.override_id, False
        _check_turn(change, acts, teacher)
        if change.resource and change.action in NOTHING_PUT_IN:
            message = f"resource: {change.action} puts nothing in: leave it out, or swap"
            raise DeclinedError("invalid", "no_place", message)
        if until is not None and until <= micros:
            raise DeclinedError("invalid", "past", "until must lie ahead: what has ended changes nothing")
        held = self._held(row)
        shown = _still_there(held, row, change.seen)
        if change.seen is not None and row.decision_id in held and held[row.decision_id].state == "done":
            raise DeclinedError("conflict", "changed", "the learner has done this step by now")
        put_in = self._put_in(change, row, held)
        act = OverrideRecord(
            secrets.token_hex(16),
            decision_id,
            row.learner,
            micros,
            teacher,
            change.action,
            put_in,
            shown,
            change.reason,
            until,
        )
        add_override(self.connection, act)
        return act.override_id, True

    def undo_override(self, override_id: str, *, by: str) -> bool:
        """Take an act back; return False when it was undone before.

        Raises
        ------
        DeclinedError
            When there is no such act, or its learner was erased or opted out.
        """
        act = override_of(self.connection, override_id)
        if act is None:
            raise DeclinedError("absent", "no_override", "there is no override of this id in this tenant")
        require_profiled(self.connection, act.learner)
        if act.undone is not None:
            return False
        teacher = teacher_pseudonym(self.moment.keyring, by)
        undo(self.connection, override_id, by=teacher, time=round(self.moment.at.timestamp() * 1e6))
        return True

    def state_interests(self, learner: str, interests: Sequence[str]) -> bool:
        """Keep the interests that a learner states, as an event; see ``Workspace.set_interests``."""
        unknown = [tag for tag in interests if tag not in self.moment.catalogue.tag_index]
        if unknown:
            message = f"interests: the catalogue has no tag {unknown[0]!r}"
            raise DeclinedError("invalid", "unknown_tag", message)
        person = add_learners(self.connection, self.moment.keyring, [learner]).get(learner)
        if person is None:
            raise erased_learner()
        if person.opted_out:
            raise opted_out_learner()
        note_interests(self.connection, person.number, tuple(dict.fromkeys(interests)), self.moment.at)
        return True

    def _held(self, row: Row) -> Mapping[str, Held]:
        """Return how the steps of a step's list stand."""
        if row.playlist_id not in self.read:
            found = held_in(self.connection, self.moment, row.learner, row.playlist_id)
            self.read[row.playlist_id] = found
        return self.read[row.playlist_id]

    def _put_in(self, change: StepChange, row: Row, held: Mapping[str, Held]) -> str:
        """Return the resource that is put in, "" for none, once nothing speaks against it."""
        if change.action in NOTHING_PUT_IN:
            return ""
        shown = _shown(held, row)
        resource = change.resource or (shown if change.action == "pin" else "")
        if not resource:
            raise DeclinedError("invalid", "no_resource", "resource: swap needs the resource put in instead")
        if resource == shown and change.action == "swap":
            raise DeclinedError("invalid", "in_list", f"{resource!r} stands here already: a pin keeps it")
        if resource not in self.moment.catalogue.resource_index:
            message = f"unknown resource {resource!r}: import it first"
            raise DeclinedError("invalid", "unknown_resource", message)
        self._check_open(row, resource)
        if resource != shown:
            _check_new(held, row, resource)
        return resource

    def _check_open(self, row: Row, resource: str) -> None:
        """Refuse what is closed, retired or taken out for this learner when the step's list counts."""
        head = heads_of(self.connection, [row.playlist_id])[row.playlist_id]
        at = max(round(self.moment.at.timestamp() * 1e6), int(head.time))
        if not self.moment.catalogue.is_open(resource, at / 1e6):
            raise DeclinedError("invalid", "closed", f"{resource!r} is not open at the time of this list")
        standing = standing_for(self.connection, [row.learner], at).get(row.learner)
        if standing is not None and resource in standing.out:
            message = f"{resource!r} was taken out for this learner: undo that first"
            raise DeclinedError("conflict", "taken_out", message)


def _shown(held: Mapping[str, Held], row: Row) -> str:
    """Return what stands at a step; a list that was taken back has what was drawn."""
    return held[row.decision_id].resource if row.decision_id in held else str(row.resource)


def _still_there(held: Mapping[str, Held], row: Row, seen: str | None) -> str:
    """Return what stands at a step, unless who speaks of it saw something else there."""
    shown = _shown(held, row)
    if seen not in (None, shown):
        message = f"{shown!r} stands at this step by now: nothing was kept of {seen!r}"
        raise DeclinedError("conflict", "changed", message)
    return shown


def _says_the_same(act: OverrideRecord, change: StepChange, until: int | None) -> bool:
    own = change.action == "pin" and not change.resource
    resource = act.taken if own else change.resource or ""
    wanted = (change.action, resource, change.reason, until)
    return (act.action, act.resource, act.reason, act.until) == wanted


def _check_turn(change: StepChange, acts: list[OverrideRecord], teacher: str) -> None:
    """Refuse to replace silently what another teacher did."""
    if change.action not in ACTIONS:
        raise DeclinedError("invalid", "no_action", f"action must be one of {', '.join(ACTIONS)}")
    if change.reason not in REASONS:
        raise DeclinedError("invalid", "no_reason", f"reason must be one of {', '.join(REASONS)}")
    others = [act for act in acts if act.teacher != teacher and act.action != change.action]
    others += [act for act in acts if act.teacher != teacher and act.action == change.action != "approve"]
    if others:
        last = others[-1]
        day = datetime.fromtimestamp(last.time / 1e6, tz=None).date().isoformat()
        said = {"remove": "removed", "swap": "swapped", "pin": "pinned", "approve": "approved"}[last.action]
        message = f"another teacher {said} this step on {day}: undo override {last.override_id} first"
        raise DeclinedError("conflict", "overridden", message)


def _check_new(held: Mapping[str, Held], row: Row, resource: str) -> None:
    """Refuse for a step what another step of its list is."""
    if resource in {one.resource for name, one in held.items() if name != row.decision_id}:
        raise DeclinedError("invalid", "in_list", f"{resource!r} is in this list already")


def no_decision() -> DeclinedError:
    """Return what is said of a decision that nobody made."""
    return DeclinedError("absent", "no_decision", "there is no decision of this id in this tenant")


def known_decision(connection: Connection, decision_id: str) -> Row:
    """Return a decision's row.

    Raises
    ------
    DeclinedError
        When there is none, or its learner opted out.
    """
    row = decision_of(connection, decision_id)
    if row is None:
        raise no_decision()
    require_profiled(connection, row.learner)
    return row
