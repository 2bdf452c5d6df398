"""The arrays that models take and return: they know no learner and no resource."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Singles = NDArray[np.float32]
_ONE, _MINUS = np.array(1.0), np.array(-1.0)  # a number of Python's would be converted at every use


def sigmoid(logit: Floats) -> Floats:
    """Return 1 / (1 + e^-x), written over `logit`."""
    np.multiply(logit, _MINUS, out=logit)  # `negative` of numpy 2.4 misreads a strided view of width 1
    np.exp(logit, out=logit)
    logit += _ONE
    np.divide(_ONE, logit, out=logit)
    return logit
