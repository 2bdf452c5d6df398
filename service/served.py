"""A workspace that keeps answering: without a fitted model by pedagogy alone, and never in silence."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from segue.engine import champion as champions
from segue.engine.artefact import catalogue_in
from segue.engine.champion import Champion
from segue.engine.deciding import Ask, Question
from segue.engine.decisions import Request
from segue.engine.facts import Learner
from segue.engine.fitting import fit
from segue.engine.learning import fresh_model
from segue.engine.ledger import Draw
from segue.engine.store import get_document
from segue.engine.tenancy import WorkspaceError
from segue.engine.weeks import week_of
from segue.engine.workspace import CATALOGUE, Workspace
from segue.features.catalogue import Catalogue
from segue.features.records import COLUMNS
from segue.service import logs
from segue.service.errors import RefusedError

UNREADABLE = "the model's files cannot be read"
NO_EVENTS = pd.DataFrame({name: pd.Series(dtype="str") for name in COLUMNS})


class ServedWorkspace(Workspace):
    """A workspace behind HTTP.

    Attributes
    ----------
    trouble : str
        Why the fitted model cannot be used; "" while it can.
    deciding : Catalogue
        The catalogue of the model that decided last.
    """

    deciding: Catalogue

    trouble: str = ""
    _unreadable: str | None = None
    _prior: tuple[str, Champion] | None = None
    _parsed: tuple[bytes, Catalogue] | None = None

    def champion(self, connection: Connection) -> Champion:
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
        self.deciding = champion.fitted.catalogue
        return champion

    def try_again(self) -> None:
        """Let the next request try to read a model that could not be read."""
        self._unreadable = None

    def _say(self, trouble: str, error: Exception | None = None) -> None:
        if trouble != self.trouble:
            logs.write("model", {"trouble": trouble or "none", "tenant": self.path.name}, error=error)
        self.trouble = trouble

    def _pedagogy(self, connection: Connection, trouble: str, error: Exception | None = None) -> Champion:
        """Return a recommender that has seen no events; it is kept on disk, since its decisions name it."""
        self._say(trouble, error)
        catalogue = self._catalogue(connection)
        if self._prior is None or self._prior[0] != catalogue.hash:
            epoch = datetime(1970, 1, 1, tzinfo=UTC)  # the same artefact whenever it is made
            recommender = fit(catalogue, NO_EVENTS, rng=np.random.default_rng(0), now=epoch)
            champions.save_artefact(recommender, self.models)
            self._prior = (catalogue.hash, Champion.of(recommender, fresh_model()))
        self.deciding = catalogue
        return self._prior[1]

    def catalogue(self) -> Catalogue:
        """Return the catalogue as imported last, parsed once."""
        with self.store.read() as connection:
            return self._catalogue(connection)

    def _catalogue(self, connection: Connection) -> Catalogue:
        body = get_document(connection, CATALOGUE)
        if body is None:
            raise WorkspaceError("there is no catalogue yet: segue import --catalogue resources.csv")
        if self._parsed is None or self._parsed[0] != body:
            self._parsed = (body, catalogue_in(json.loads(body)))
        return self._parsed[1]

    def _question(self, request: Request, learner: Learner | None, ask: Ask) -> Question:
        """Give every moment a draw of its own: a learner's requests of one week must not share their luck."""
        if learner is None:
            message = "this learner was erased: nothing of theirs is stored, so nothing is decided"
            raise RefusedError(409, "erased", message)
        week = week_of(request.now, self.time_zone)
        moment = round(request.now.timestamp() * 1e3) % 2**31
        draw = Draw(self.configuration.seed, request.mode, week, learner.number, moment)
        return Question(request, learner, draw, ask.surface)
