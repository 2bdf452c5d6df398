"""The one function that samples: every draw of every decision, and the probability it was drawn with."""

from __future__ import annotations

from math import isfinite

import numpy as np

from segue.features.catalogue import Bools, Floats, Ints


def sample(probabilities: Floats, uniform: Floats | float) -> Ints:
    """Return the index drawn from each row: the inverse distribution function at `uniform`.

    Probabilities are rounded to multiples of 2⁻⁵⁰ first. Sums of these are exact, so that neither the order
    of adding nor entries of 0 in between change a draw, and a long row can be searched block by block.

    Parameters
    ----------
    probabilities : array of shape (..., n)
        At least 0; a row's sum is 1 up to rounding and is divided out.
    uniform : float or array of shape (...)
        In [0, 1), one a row.

    Returns
    -------
    index : integer array of shape (...)
        Never that of a zero: the running sum first *exceeds* its target where it rises.

    Raises
    ------
    ValueError
        When a row does not have a positive, finite sum.

    Examples
    --------
    >>> p = np.array([[0.25, 0.0, 0.75], [0.25, 0.0, 0.75]])
    >>> sample(p, np.array([0.2499, 0.25]))
    array([0, 2])
    """
    units = np.rint(_normalised(probabilities) * UNIT)
    rows = drawn_from(units.reshape(-1, units.shape[-1]), np.ravel(uniform))[0]
    return rows.reshape(units.shape[:-1])


UNIT = 2.0**50
_BLOCK = 64
_SHORT = 256  # entries of one row up to which a running sum costs less than two levels
_FEW = 8
_NO_SUM = "probabilities must have a positive, finite sum, of 1, in every row: nothing can be drawn"


def drawn_from(units: Floats, uniform: Floats) -> tuple[Ints, Floats]:
    """Return the index drawn from each row of probabilities (B, n) in `UNIT`s, and that one's own, both (B,).

    They are whole numbers, so that sums are exact: a long row is searched block by block. What is drawn and
    what is returned as its probability come from the very same sums.
    """
    if len(units) == 1:
        return _from_row(units.reshape(-1), uniform)
    starts = np.arange(0, units.shape[1], _BLOCK)
    blocks: Floats = np.add.reduceat(units, starts, axis=1)
    running = np.add.accumulate(blocks, axis=1)
    total = _checked_totals(running[:, -1])
    target = total * uniform
    block = (running > target[:, None]).argmax(axis=1)
    drawn = _drawn_within(units, running - blocks, target, block)
    return drawn, units.take(drawn + np.arange(0, units.size, units.shape[1])) / total


def _from_row(units: Floats, uniform: Floats) -> tuple[Ints, Floats]:
    """Return the same of one row (n,): numpy searches that faster than it compares."""
    if len(units) > _SHORT:
        blocks: Floats = np.add.reduceat(units, np.arange(0, len(units), _BLOCK))
        running = np.add.accumulate(blocks)
        total = _checked_total(running.item(-1))
        block = int(running.searchsorted(total * uniform.item(), side="right"))
        first, before = block * _BLOCK, running.item(block) - blocks.item(block)
        inside = np.add.accumulate(units[first : first + _BLOCK])
    else:
        first, before, inside = 0, 0.0, np.add.accumulate(units)
        total = _checked_total(inside.item(-1))
    at = first + int(inside.searchsorted(total * uniform.item() - before, side="right"))
    return np.array([at]), np.array([units.item(at) / total])


def _checked_totals(total: Floats) -> Floats:
    if not _all_near(UNIT, total):
        raise ValueError(_NO_SUM)
    return total


def _checked_total(total: float) -> float:
    if not 0.5 * UNIT < total < 2.0 * UNIT:
        raise ValueError(_NO_SUM)
    return total


def every(flags: Bools) -> bool:
    """Return whether all of a few flags (B,) are set: without numpy's overhead of a reduction."""
    return all(flags.tolist())


def _all_near(unit: float, total: Floats) -> bool:
    """Return whether all sums are numbers, within a factor of two of `unit`."""
    low, high = 0.5 * unit, 2.0 * unit
    if total.size <= _FEW:
        return all(low < t < high for t in total.ravel().tolist())
    return bool(np.minimum.reduce(total, axis=None) > low and np.maximum.reduce(total, axis=None) < high)


def _drawn_within(units: Floats, before: Floats, target: Floats, block: Ints) -> Ints:
    """Return the index within the `block` of each row; `before` is what lies in front of every block."""
    rows = np.arange(len(units))
    at = np.minimum(block[:, None] * _BLOCK + np.arange(_BLOCK), units.shape[1] - 1)
    running = np.add.accumulate(units[rows[:, None], at], axis=1)
    running += before[rows, block][:, None]
    drawn: Ints = at[rows, (running > target[:, None]).argmax(axis=1)]
    return drawn


def _normalised(probabilities: Floats) -> Floats:
    total = np.add.reduce(probabilities, axis=-1, keepdims=True)
    if _all_near(1.0, total):
        return probabilities
    if not (np.minimum.reduce(total, axis=None) > 0.0 and isfinite(np.add.reduce(total, axis=None))):
        raise ValueError(_NO_SUM)
    return np.asarray(probabilities / total)
