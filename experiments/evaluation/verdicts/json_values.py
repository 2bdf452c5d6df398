"""What JSON can hold: no NaN, no infinity."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np


def finite(value: Any) -> Any:
    """Return the same structure with None for every number JSON cannot hold.

    Examples
    --------
    >>> finite({"a": float("nan"), "b": [1.0, np.float64("inf")]})
    {'a': None, 'b': [1.0, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
