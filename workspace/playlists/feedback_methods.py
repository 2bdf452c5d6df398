"""What people say to a workspace: choices, ratings, overrides and interests, each at once and everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from segue.workspace.playlists.published_playlists import Moment
from segue.workspace.playlists.step_feedback import LearnerFact, StepChange, StepFeedback
from segue.workspace.records.learners import find_learners
from segue.workspace.records.overrides import OverrideRecord, acts_for, acts_on
from segue.workspace.sources.catalogues import CatalogueMethods
from segue.workspace.storage.pseudonyms import teacher_pseudonym


class FeedbackMethods(CatalogueMethods):
    """The part of a workspace that keeps what students and teachers say of steps and of themselves."""

    @contextmanager
    def feedback(self, now: datetime) -> Iterator[StepFeedback]:
        """Begin a write in which feedback of a moment is kept."""
        with self.store.write() as connection:
            yield StepFeedback(connection, Moment(self.keyring, self.catalogue_in(connection), now))

    def choose(self, decision_id: str, resource: str, *, now: datetime) -> bool:
        """Keep which option of a step's menu was picked; see ``StepFeedback.choose``."""
        with self.feedback(now) as said:
            return said.choose(decision_id, resource)

    def rate(self, decision_id: str, rating: float, *, seen: str | None = None, now: datetime) -> bool:
        """Keep how a learner liked a step, 0 to 1; declined when not what was `seen` stands there."""
        with self.feedback(now) as said:
            return said.rate(decision_id, rating, seen=seen)

    def finish(self, decision_id: str, *, seen: str | None = None, now: datetime) -> bool:
        """Keep that a learner is done with a step; declined when not what was `seen` stands there."""
        with self.feedback(now) as said:
            return said.finish(decision_id, seen=seen)

    def take_back(self, decision_id: str, said: LearnerFact, *, now: datetime) -> bool:
        """Take back what a learner said of a step: choice, rating or completion; False when none stands."""
        with self.feedback(now) as feedback:
            return feedback.take_back(decision_id, said)

    def override(self, decision_id: str, change: StepChange, *, now: datetime) -> tuple[str, bool]:
        """Do what a teacher wants with a step, at once and everywhere; return the act's id, and whether new.

        See ``StepFeedback.override``, also for what is declined.
        """
        with self.feedback(now) as said:
            return said.override(decision_id, change)

    def undo_override(self, override_id: str, *, by: str, now: datetime) -> bool:
        """Take a teacher's act back; return False when it was undone before."""
        with self.feedback(now) as said:
            return said.undo_override(override_id, by=by)

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
        with self.feedback(now) as said:
            return said.state_interests(learner, interests)
