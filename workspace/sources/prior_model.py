"""The success model of another school that this one's fits start from, kept in the store."""

from __future__ import annotations

import io

import numpy as np

from segue.features.vectors.learner_vector import NAMES
from segue.features.vectors.success_model import SuccessModel
from segue.workspace.storage.database import Connection, get_document, put_document

PRIOR = "prior"


def keep_prior(connection: Connection, prior: SuccessModel | None) -> None:
    """Keep what fits start from, within a write; None: from nothing but pedagogy.

    Only what speaks of histories goes along, not what speaks of the other school's resources.
    """
    body = io.BytesIO()
    if prior is not None:
        np.savez(body, allow_pickle=False, **prior.of_histories().to_arrays())
    put_document(connection, PRIOR, body.getvalue())


def prior_in(connection: Connection) -> SuccessModel | None:
    """Return what fits start from; None: nothing but pedagogy, or a prior of other columns than today's."""
    body = get_document(connection, PRIOR)
    if not body:
        return None
    with np.load(io.BytesIO(body), allow_pickle=False) as file:
        prior = SuccessModel.from_arrays(dict(file))
    return prior if len(prior.weights) == len(NAMES) else None
