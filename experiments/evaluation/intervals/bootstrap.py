"""Bootstrap intervals: ratios resampled as ratios, clusters as wholes, in blocks that fit in the cache.

Each unit gets a random count of mean 1 and variance 1 (the Poisson bootstrap, Chamandy et al. 2012), so that
replicates are matrix products over blocks of units and never need an index of the whole log. One random byte
makes one count: 1,000 replicates of a million rounds are a billion of them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from segue.experiments.evaluation.estimators.single_step import EstimateParts, Floats, Ints
from segue.experiments.evaluation.intervals.closed_form import Interval

Singles = NDArray[np.float32]
BLOCK = 2048
BATCH = 500  # replicates at once: the counts of a block stay in the cache
# How many of 256 bytes stand for the counts 0 to 5: Poisson(1), moved by two or three bytes so that mean and
# variance are exactly 1; the third moment is 5.008 (Poisson: 5).
COUNTS = bytes(np.repeat(np.arange(6, dtype=np.uint8), [94, 94, 49, 13, 5, 1]))
SIZE, BASE, NUMERATOR, DENOMINATOR = range(4)


def bootstrap(
    estimates: Mapping[str, EstimateParts],
    *,
    rng: np.random.Generator,
    replicates: int = 1000,
    cluster: Ints | None = None,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Return percentile intervals of several estimates from the same resamples.

    Numerator and denominator of a ratio are resampled together; with `cluster` (n,) whole clusters are.
    """
    units = [_units(parts, cluster) for parts in estimates.values()]
    sums = _resample(np.hstack(units), replicates, rng).reshape(replicates, len(units), 4)
    tail = (1 - level) / 2
    out = {}
    for index, (name, parts) in enumerate(estimates.items()):
        values = parts.value + _shift(sums[:, index])
        low, high = np.nanquantile(values, [tail, 1 - tail])
        out[name] = Interval(float(low), float(high), "bootstrap")
    return out


def _units(parts: EstimateParts, cluster: Ints | None) -> Singles:
    """Return one row a unit: size, base, numerator, denominator; base and numerator less their expectation.

    Centred so, single precision loses nothing that matters.
    """
    ones = np.ones(parts.n)
    denominator = ones if parts.denominator is None else parts.denominator
    base = np.zeros(parts.n) if parts.base is None else parts.base - parts.base.mean()
    columns = [ones, base, parts.numerator - parts.ratio * denominator, denominator]
    if cluster is not None:
        totals = [np.bincount(cluster, weights=column).astype(np.float64) for column in columns]
        columns = [total[totals[SIZE] > 0] for total in totals]
    return np.column_stack([column.astype(np.float32) for column in columns])


def _shift(sums: Floats) -> Floats:
    """Return how far each replicate's value is from the estimate, from its sums (replicates, 4)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sums[:, BASE] / sums[:, SIZE] + sums[:, NUMERATOR] / sums[:, DENOMINATOR])


def _resample(columns: Singles, replicates: int, rng: np.random.Generator) -> Floats:
    """Return randomly weighted sums of the columns, (replicates, columns)."""
    sums = np.zeros((replicates, columns.shape[1]))
    for start in range(0, len(columns), BLOCK):
        block = columns[start : start + BLOCK]
        for first in range(0, replicates, BATCH):
            shape = (min(BATCH, replicates - first), len(block))
            words = rng.integers(2**64, size=-(-shape[0] * shape[1] // 8), dtype=np.uint64)
            drawn = np.frombuffer(words.tobytes().translate(COUNTS), dtype=np.uint8)
            counts = drawn[: shape[0] * shape[1]].reshape(shape).astype(np.float32)
            sums[first : first + shape[0]] += counts @ block
    return sums
