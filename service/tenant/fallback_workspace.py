"""A workspace that keeps answering: without a fitted model by pedagogy alone, and never in silence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from segue.engine.request import Request
from segue.engine.training.fit import fit
from segue.engine.training.reward_model import fresh_model
from segue.features.events.event_records import COLUMNS
from segue.features.iso_weeks import week_of
from segue.service.http import request_log as logs
from segue.service.tenant.group_commit import GroupedStore
from segue.service.tenant.state_cache import Memory
from segue.workspace import model_registry as champions
from segue.workspace.answering import Ask, Question, answer, with_acts
from segue.workspace.errors import erased_learner
from segue.workspace.model_registry import Champion
from segue.workspace.records.decision_log import Draw, Entry, log, rows_of
from segue.workspace.records.learner_states import Kept
from segue.workspace.records.learners import Learner, present
from segue.workspace.workspace import Workspace

UNREADABLE = "the model's files cannot be read"
ASK = Ask(surface="service")
NO_EVENTS = pd.DataFrame({name: pd.Series(dtype="str") for name in COLUMNS})


class Charge(NamedTuple):
    """The model in charge; `trouble` says why it is not the fitted one ("" when it is)."""

    champion: Champion
    trouble: str


class ServedWorkspace(Workspace):
    """A workspace behind HTTP."""

    _unreadable: str | None = None
    _trouble: str = ""
    _prior: tuple[str, Champion] | None = None

    def charge(self, connection: Connection) -> Charge:
        """Return the model in charge, or pedagogy alone while there is none that can be read.

        A promoted model is taken up by the next request, one that was repaired after `try_again`.
        """
        fit_hash = champions.current_fit(connection)
        if fit_hash is None:
            return self._pedagogy(connection, "no model has been fitted yet")
        if fit_hash == self._unreadable:
            return self._pedagogy(connection, UNREADABLE)
        try:
            champion = super().champion(connection)
        except SQLAlchemyError:
            raise
        except Exception as error:  # whatever is wrong with the files, the school goes on
            self._unreadable = fit_hash
            return self._pedagogy(connection, UNREADABLE, error)
        self._say("")
        return Charge(champion, "")

    def champion(self, connection: Connection) -> Champion:
        """Return the model in charge, whether fitted or not."""
        return self.charge(connection).champion

    def try_again(self) -> None:
        """Let the next request try to read a model that could not be read."""
        self._unreadable = None

    def _say(self, trouble: str, error: Exception | None = None) -> None:
        if trouble != self._trouble:
            logs.write("model", {"trouble": trouble or "none", "tenant": self.path.name}, error=error)
        self._trouble = trouble

    def _pedagogy(self, connection: Connection, trouble: str, error: Exception | None = None) -> Charge:
        """Return a recommender that has seen no events; it is kept on disk, since its decisions name it."""
        self._say(trouble, error)
        catalogue = self.catalogue_in(connection)
        if self._prior is None or self._prior[0] != catalogue.hash:
            epoch = datetime(1970, 1, 1, tzinfo=UTC)  # the same artefact whenever it is made
            recommender = fit(catalogue, NO_EVENTS, rng=np.random.default_rng(0), now=epoch)
            champions.save_artefact(recommender, self.models)
            self._prior = (catalogue.hash, Champion.of(recommender, fresh_model()))
        return Charge(self._prior[1], trouble)

    @cached_property
    def memory(self) -> Memory:
        """What the desk remembers; only within a write of its thread."""
        assert isinstance(self.store, GroupedStore)
        return Memory(self.store, self.keyring)

    def answers(self, requests: Sequence[Request]) -> tuple[list[Entry], Charge]:
        """Return the answers to many requests, stored, and what decided; from memory where that holds.

        On SQLite all of it is one transaction. On PostgreSQL, where other processes wait for its lock, the
        decisions are computed between two short ones.
        """
        with self.store.write() as connection:
            charge, questions, known = self._looked_up(connection, requests)
            if self.store.is_sqlite:
                entries = answer(charge.champion, questions, known)
                log(connection, rows_of(entries))
                return entries, charge
        entries = answer(charge.champion, questions, known)
        with self.store.write() as connection:
            numbers = {question.learner.number for question in questions}
            if present(connection, numbers) != numbers:  # erased while their list was drawn
                raise erased_learner()
            log(connection, rows_of(entries))
        return entries, charge

    def _looked_up(
        self, connection: Connection, requests: Sequence[Request]
    ) -> tuple[Charge, list[Question], dict[int, Kept]]:
        memory = self.memory
        memory.catch_up(connection)
        charge = Charge(memory.champion, "") if memory.champion else self.charge(connection)
        memory.champion = None if charge.trouble else charge.champion
        people = memory.people(connection, [request.learner for request in requests])
        questions = [self._question(request, people.get(request.learner), ASK) for request in requests]
        questions = with_acts(connection, charge.champion, questions)
        numbers = [q.learner.number for q in questions if not q.learner.opted_out]
        return charge, questions, memory.states(connection, numbers, charge.champion)

    def _question(self, request: Request, learner: Learner | None, ask: Ask) -> Question:
        """Give every moment a draw of its own: a learner's requests of one week must not share their luck."""
        if learner is None:
            raise erased_learner()
        week = week_of(request.now, self.time_zone)
        moment = round(request.now.timestamp() * 1e3) % 2**31
        draw = Draw(self.configuration.seed, request.mode, week, learner.number, moment)
        return Question(request, learner, draw, ask.surface)
