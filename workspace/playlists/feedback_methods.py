"""What people say to a workspace: choices, ratings, overrides and interests, each at once and everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from segue.workspace.playlists import step_feedback as feedback
from segue.workspace.playlists.step_feedback import LearnerFact, StepChange
from segue.workspace.records.learners import find_learners
from segue.workspace.records.overrides import OverrideRecord, acts_for, acts_on
from segue.workspace.sources.catalogues import CatalogueMethods
from segue.workspace.storage.pseudonyms import teacher_pseudonym


class FeedbackMethods(CatalogueMethods):
    """The part of a workspace that keeps what students and teachers say of steps and of themselves."""

    def choose(self, decision_id: str, resource: str, *, now: datetime) -> bool:
        """Keep which option of a step's menu was picked; see ``feedback.choose``."""
        with self.store.write() as connection:
            catalogue = self.catalogue_in(connection)
            return feedback.choose(
                connection, self.keyring, catalogue, decision_id=decision_id, resource=resource, now=now
            )

    def rate(self, decision_id: str, rating: float, *, seen: str | None = None, now: datetime) -> bool:
        """Keep how a learner liked a step, 0 to 1; declined when not what was `seen` stands there."""
        with self.store.write() as connection:
            catalogue = self.catalogue_in(connection)
            return feedback.rate(
                connection,
                self.keyring,
                catalogue,
                decision_id=decision_id,
                rating=rating,
                seen=seen,
                now=now,
            )

    def finish(self, decision_id: str, *, seen: str | None = None, now: datetime) -> bool:
        """Keep that a learner is done with a step; declined when not what was `seen` stands there."""
        with self.store.write() as connection:
            catalogue = self.catalogue_in(connection)
            return feedback.finish(
                connection, self.keyring, catalogue, decision_id=decision_id, seen=seen, now=now
            )

    def take_back(self, decision_id: str, said: LearnerFact, *, now: datetime) -> bool:
        """Take back what a learner said of a step: choice, rating or completion; False when none stands."""
        with self.store.write() as connection:
            catalogue = self.catalogue_in(connection)
            return feedback.take_back(
                connection, self.keyring, catalogue, decision_id=decision_id, said=said, now=now
            )

    def override(self, decision_id: str, change: StepChange, *, now: datetime) -> tuple[str, bool]:
        """Do what a teacher wants with a step, at once and everywhere; return the act's id, and whether new.

        See ``feedback.override``, also for what is declined.
        """
        with self.store.write() as connection:
            catalogue = self.catalogue_in(connection)
            return feedback.override(
                connection, self.keyring, catalogue, decision_id=decision_id, change=change, now=now
            )

    def undo_override(self, override_id: str, *, by: str, now: datetime) -> bool:
        """Take a teacher's act back; return False when it was undone before."""
        with self.store.write() as connection:
            return feedback.undo_override(connection, self.keyring, override_id, by=by, now=now)

    def overrides(self, learner: str) -> list[OverrideRecord]:
        """Return what teachers did with a learner's steps, undone acts too, in order."""
        with self.store.read() as connection:
            person = find_learners(connection, self.keyring, [learner]).get(learner)
            return [] if person is None else acts_for(connection, [person.number])

    def acts_on(self, decision_id: str) -> list[OverrideRecord]:
        """Return what teachers did with one step, undone acts too, in order."""
        with self.store.read() as connection:
            return acts_on(connection, [decision_id])

    def pseudonym_of_teacher(self, teacher: str) -> str:
        """Return what stands for a teacher in overrides: to tell one's own acts from those of others."""
        return teacher_pseudonym(self.keyring, teacher)

    def set_interests(self, learner: str, interests: Sequence[str], *, now: datetime) -> bool:
        """Keep the interests that a learner states, in place of those stated before.

        Raises
        ------
        DeclinedError
            For a learner who was erased or opted out, and for a tag that the catalogue does not have.
        """
        with self.store.write() as connection:
            catalogue = self.catalogue_in(connection)
            return feedback.state_interests(
                connection, self.keyring, catalogue, learner=learner, interests=interests, now=now
            )
