"""A model source that keeps answering: without a fitted model by pedagogy alone, and never in silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from segue.engine.recommender import fit
from segue.engine.training.reward_model import fresh_model
from segue.features.events.event_records import COLUMNS
from segue.workspace.sources.model_registry import (
    CatalogueIn,
    Champion,
    Charge,
    Library,
    current_fit,
    save_artefact,
)
from segue.workspace.storage.database import Connection, DatabaseError

UNREADABLE = "the model's files cannot be read"
UNFITTED = "no model has been fitted yet"
NO_EVENTS = pd.DataFrame({name: pd.Series(dtype="str") for name in COLUMNS})


class FallbackLibrary(Library):
    """The fitted models, and pedagogy alone where there is none that can be read.

    Parameters
    ----------
    tell : callable
        Told of every change: what the trouble is ("none" when it is over), and the error if there was one.
    """

    def __init__(self, folder: Path, tell: Callable[[str, Exception | None], object]) -> None:
        super().__init__(folder)
        self._tell = tell
        self._unreadable: str | None = None
        self._trouble = ""
        self._prior: tuple[str, Champion] | None = None

    def in_charge(self, connection: Connection, catalogue: CatalogueIn) -> Charge:
        """Return the model in charge; a promoted one at once, one that was repaired after `try_again`."""
        fit_hash = current_fit(connection)
        if fit_hash is None:
            return self._pedagogy(connection, catalogue, UNFITTED)
        if fit_hash == self._unreadable:
            return self._pedagogy(connection, catalogue, UNREADABLE)
        try:
            champion = self.champion(connection, catalogue)
        except DatabaseError:
            raise
        except Exception as error:  # whatever is wrong with the files, the school goes on
            self._unreadable = fit_hash
            return self._pedagogy(connection, catalogue, UNREADABLE, error)
        self._say("")
        return Charge(champion, "")

    def try_again(self) -> None:
        """Let the next request try to read a model that could not be read."""
        self._unreadable = None

    def _say(self, trouble: str, error: Exception | None = None) -> None:
        if trouble != self._trouble:
            self._tell(trouble or "none", error)
        self._trouble = trouble

    def _pedagogy(
        self, connection: Connection, catalogue_in: CatalogueIn, trouble: str, error: Exception | None = None
    ) -> Charge:
        """Return a recommender that has seen no events; it is kept on disk, since its decisions name it."""
        self._say(trouble, error)
        catalogue = catalogue_in(connection)
        if self._prior is None or self._prior[0] != catalogue.hash:
            epoch = datetime(1970, 1, 1, tzinfo=UTC)  # the same artefact whenever it is made
            recommender = fit(catalogue, NO_EVENTS, rng=np.random.default_rng(0), now=epoch)
            save_artefact(recommender, self.folder)
            champion = Champion.of(recommender, fresh_model())
            self._prior = (catalogue.hash, replace(champion, ranking=catalogue.bare_hash))
        return Charge(self._prior[1], trouble)
