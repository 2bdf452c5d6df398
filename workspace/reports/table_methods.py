"""What a workspace knows as DataFrames, for a notebook or any other tool."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from segue.engine.explanations.taught import taught_table
from segue.features.history.learner_state import LearnerState
from segue.workspace.records import learner_states
from segue.workspace.records.events import read_events
from segue.workspace.records.learners import every_learner, profiled
from segue.workspace.reports.frames import decision_frame, learner_frame, resource_frame, skill_frame
from segue.workspace.sources.catalogues import CatalogueMethods
from segue.workspace.sources.model_registry import Champion
from segue.workspace.storage.database import Connection


class TableMethods(CatalogueMethods):
    """The part of a workspace that hands out tables."""

    @property
    @abstractmethod
    def time_zone(self) -> str:
        """The tenant's time zone."""

    @abstractmethod
    def champion(self, connection: Connection) -> Champion:
        """Return the model in charge."""

    @abstractmethod
    def known(self, learners: Sequence[str]) -> tuple[Champion, dict[str, LearnerState]]:
        """Return the model in charge and each learner's state, by the LMS's id."""

    def vectors(self, learners: Sequence[str] | None = None, *, now: datetime) -> pd.DataFrame:
        """Return one row a learner: attempts, share right, mastery of skills (0 to 1), interests, at `now`.

        Columns ``mastery:<skill>`` hold the mastery, ``attempts:<skill>`` what it rests on, and
        ``interest:<tag>`` what was named or seen in use (0: nothing). `learners` are
        the LMS's ids, in the order of the rows; without them, every learner who has not opted out, named by
        the store's own numbers (which are those of `decisions`).
        """
        if learners is not None:
            champion, known = self.known(learners)
            return learner_frame(champion, list(known), list(known.values()), now=now)
        with self.store.read() as connection:
            champion = self.champion(connection)
            numbers = profiled(connection, [learner.number for learner in every_learner(connection)])
            kept, _ = learner_states.current(connection, numbers, champion.fold)
        return learner_frame(champion, numbers, [kept[number].state for number in numbers], now=now)

    def resources(self) -> pd.DataFrame:
        """Return one row a resource, in catalogue order; skills, tags and courses are joined by ";"."""
        return resource_frame(self.catalogue())

    def skills(self) -> pd.DataFrame:
        """Return one row a skill: its statements, what it builds on, how many resources train it."""
        return skill_frame(self.catalogue())

    def decisions(self) -> pd.DataFrame:
        """Return one row a logged step with its propensity and its reward; see ``decision_frame``."""
        with self.store.read() as connection:
            return decision_frame(connection)

    def attempt_vectors(self) -> pd.DataFrame:
        """Return one row an attempt: learner, resource, time, score, and the learner's vector just before it.

        Its columns are those of ``LearnerVectors``; learners are the store's own numbers. Difficulties do not
        know the learner's own answers, so that a model may be fitted on the table as it stands.
        """
        from segue.features.vectors.transformers import learner_vectors  # noqa: PLC0415 - loads scikit-learn

        with self.store.read() as connection:
            events = read_events(connection)
        if not len(events):
            raise ValueError("the workspace has no events yet: import some first")
        gone = {*events["supersedes"].dropna(), *events["voids"].dropna()} - {""}
        kept = (events["kind"] == "attempt") & events["score"].notna() & ~events["event_id"].isin(gone)
        columns = ["learner", "resource", "time", "score"]
        history = events.loc[kept, [*columns, "seq"]].reset_index(drop=True)
        skills = {resource.resource_id: resource.skills for resource in self.catalogue().resources}
        return pd.concat([history[columns], learner_vectors(history, skills=skills)], axis=1)

    def resources_taught(self) -> pd.DataFrame:
        """Return what each resource teaches beside others of its skills; see ``taught_table``."""
        with self.store.read() as connection:
            return taught_table(self.champion(connection).recommender.kernel)

    def mastery(self, roster: Sequence[str], *, now: datetime) -> pd.DataFrame:
        """Return the chance of success of each learner (row) on a standard item of each skill (column)."""
        champion, known = self.known(roster)
        table = champion.chances(list(known.values()), now)
        skills = [skill.skill_id for skill in champion.fitted.catalogue.skills]
        return pd.DataFrame(table, index=list(known), columns=skills)
