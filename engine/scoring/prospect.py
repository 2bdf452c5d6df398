"""What practising here and now was worth in simulated classes: a small network over columns of skills.

    h(x) = Σ_j v_j max(0, b_j + Σ_i W_ij x_i + Σ_k U_kj a_k),    log f = h(x) - the highest h in training

x are columns of skills. a says how the class learns, as far as its answers tell (``NextAnswers``, in standard
deviations from the usual class, 0 without answers): what is worth practising differs between classes that
forget and classes that learn all or nothing. In a simulation the worth of a step is known (expected rise of
mastery at the examinations, and what it opens); ``benchmarks.prospect_training`` chooses
W, U, b and v such that a draw by the whole score collects as much of it as it can, over student models that
disagree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from segue.features.catalogue import Floats
from segue.models.next_answers import USUAL, NextAnswers

FILE = "prospect.json"
SPREAD = NextAnswers(0.086, 0.081, 0.054, 0.027)  # standard deviations over simulated classes
FARTHEST = 2.0  # of them: beyond, no simulated class says what to do


class ProspectNetwork(NamedTuple):
    """The network: names of the D columns it reads, W (H, D), U (H, 4), b (H,), v (H,) and the highest h."""

    columns: tuple[str, ...]
    hidden: Floats
    answers: Floats
    bias: Floats
    outer: Floats
    highest: float

    def of_class(self, answers: NextAnswers) -> ProspectNetwork:
        """Return the network of a class that answers like this: only the biases differ."""
        return self._replace(bias=self.bias + self.answers @ from_usual(answers))

    def log_factor(self, columns: Mapping[str, Floats]) -> Floats:
        """Return log f of columns of shape (B or 1, G), as (B, G): the same bits in any block."""
        read = [columns[name] for name in self.columns]
        if len({column.shape for column in read}) > 1:
            read = list(np.broadcast_arrays(*read))
        shape = read[0].shape
        flat = np.concatenate(read).reshape(len(read), -1)
        if flat.shape[1] == 1:  # a lone column would be added up in another order
            flat = np.repeat(flat, 2, axis=1)
        terms = np.empty((1 + len(self.bias), flat.shape[1]))
        terms[0], units = -self.highest, terms[1:]
        np.einsum("hc,cx->hx", self.hidden, flat, out=units)
        units += self.bias[:, None]
        np.maximum(units, 0.0, out=units)
        units *= self.outer[:, None]
        value = np.add.reduce(terms, axis=0)
        np.minimum(value, 0.0, out=value)
        return np.asarray(value[: shape[0] * shape[1]].reshape(shape))


def from_usual(answers: NextAnswers) -> Floats:
    """Return how far a class is from the usual one, (4,), in standard deviations, at most `FARTHEST`."""
    return np.asarray(np.clip(np.subtract(answers, USUAL) / np.array(SPREAD), -FARTHEST, FARTHEST))


@cache
def prospect_network() -> ProspectNetwork:
    """Return the network that comes with the package, that of the usual class."""
    stored = json.loads((files("segue.engine.scoring") / FILE).read_text("utf-8"))
    return ProspectNetwork(
        tuple(stored["columns"]),
        np.array(stored["hidden"]),
        np.array(stored["answers"]),
        np.array(stored["bias"]),
        np.array(stored["outer"]),
        float(stored["highest"]),
    )
