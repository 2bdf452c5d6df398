"""Drawn arrays as playlists: steps are made when looked at, from numbers that were fixed when drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain
from typing import Any, overload

import numpy as np

from segue.engine.sampling.playlists import Step
from segue.engine.sampling.sampler import Drawn
from segue.engine.scoring.score_parts import Parts
from segue.features.catalogue import Catalogue, Floats, Ints
from segue.features.contexts.context_columns import COLUMNS


@dataclass(frozen=True, eq=False)
class StepColumns:
    """The steps of some lists side by side, n in all; `contexts` is (n, C), `parts` of `names` (n, F)."""

    names: tuple[str, ...]
    resource: list[str]
    propensity: list[float]
    joint: list[float]
    score: list[float]
    explored: list[bool]
    parts: Floats
    contexts: Floats
    relaxed: list[tuple[str, ...]]

    def part(self, first: int, last: int) -> StepColumns:
        """Return the steps from `first` up to `last`."""
        return StepColumns(
            self.names,
            self.resource[first:last],
            self.propensity[first:last],
            self.joint[first:last],
            self.score[first:last],
            self.explored[first:last],
            self.parts[first:last],
            self.contexts[first:last],
            self.relaxed[first:last],
        )

    @classmethod
    def joined(cls, some: Sequence[StepColumns]) -> StepColumns:
        """Return the steps of several (at least one) of the same `names`, one after the other."""
        return cls(
            some[0].names,
            list(chain.from_iterable(one.resource for one in some)),
            list(chain.from_iterable(one.propensity for one in some)),
            list(chain.from_iterable(one.joint for one in some)),
            list(chain.from_iterable(one.score for one in some)),
            list(chain.from_iterable(one.explored for one in some)),
            np.concatenate([one.parts for one in some]),
            np.concatenate([one.contexts for one in some]),
            list(chain.from_iterable(one.relaxed for one in some)),
        )


@dataclass(frozen=True, eq=False)
class DrawnBlock:
    """The lists of one block.

    Attributes
    ----------
    codes : array of int, shape (n,)
        Catalogue position of each candidate.
    names : tuple of str, length F
        Names of the parts of the score; the last is "diversity".
    parts : array of shape (F, B, k, m)
        What each part gives the score of each option.
    contexts : array of shape (C, B, k, m)
        The context columns of each option.
    joint : array of shape (B, k)
        Product of the propensities up to each step.
    ahead : array of shape (2, B, S)
        Chance of success on a standard item of each skill, now and in 7 days, before the list.
    """

    catalogue: Catalogue
    codes: Ints
    drawn: Drawn
    names: tuple[str, ...]
    parts: Floats
    contexts: Floats
    propensity: Floats
    joint: Floats
    ahead: Floats

    @classmethod
    def of(
        cls,
        catalogue: Catalogue,
        codes: Ints,
        *,
        drawn: Drawn,
        parts: Parts,
        ahead: Floats,
    ) -> DrawnBlock:
        """Pick the options' numbers out of the parts of the scores and the contexts."""
        at = np.maximum(drawn.position, 0)
        chosen = np.concatenate([parts.at(at), drawn.diversity[None]])
        options = np.where(drawn.position >= 0, drawn.propensity, 1.0)
        propensity = np.multiply.accumulate(options, axis=2)[:, :, -1]
        joint = np.multiply.accumulate(propensity, axis=1)
        return cls(
            catalogue,
            codes,
            drawn,
            (*parts.names, "diversity"),
            chosen,
            parts.contexts.at(at),
            propensity,
            joint,
            ahead,
        )

    def resource(self, position: int) -> str:
        """Return the id of a candidate of the pool."""
        return self.catalogue.resources[int(self.codes[position])].resource_id

    def length(self, row: int) -> int:
        """Return how many steps a list has."""
        return int((self.drawn.position[row, :, 0] >= 0).sum())

    def step(self, row: int, step: int) -> Step:
        """Return one step of one list."""
        options = [int(p) for p in self.drawn.position[row, step] if p >= 0]
        ids = tuple(self.resource(p) for p in options)
        menu = self.drawn.position.shape[2] > 1
        return Step(
            position=step,
            resource=ids[0],
            propensity=float(self.propensity[row, step]),
            joint_propensity=float(self.joint[row, step]),
            score=float(self.drawn.score[row, step, 0]),
            reasons=dict(zip(self.names, self.parts[:, row, step, 0].tolist(), strict=True)),
            context=dict(zip(COLUMNS, self.contexts[:, row, step, 0].tolist(), strict=True)),
            relaxed=self.drawn.relaxed.get((row, step), ()),
            conflict=self.drawn.conflicts.get((row, step), ()),
            explored=bool(self.drawn.explored[row, step, 0]),
            override=self._override(row, step),
            menu=ids if menu else (),
            menu_propensities=tuple(self.drawn.propensity[row, step, : len(ids)].tolist()) if menu else (),
        )

    def forecasts(self, row: int) -> Floats:
        """Return, for each step of a list, `ahead` for the skills of its resource, (k, 2, K)."""
        return self._step_forecasts[self._list_ends[row] : self._list_ends[row + 1]]

    def columns(self, row: int) -> StepColumns | None:
        """Return the steps of one list side by side; None with menus or pins."""
        steps = self._all_steps
        if steps is None or len(self._list_ends) == 2:  # of one list
            return steps
        return steps.part(self._list_ends[row], self._list_ends[row + 1])

    @cached_property
    def _steps_drawn(self) -> tuple[Ints, Ints]:
        """Row and step of all first options drawn, list by list."""
        row, step = np.nonzero(self.drawn.position[:, :, 0] >= 0)
        return row, step

    @cached_property
    def _list_ends(self) -> list[int]:
        """Where each list begins among all steps, and where the last one ends."""
        return [0, *accumulate((self.drawn.position[:, :, 0] >= 0).sum(axis=1).tolist())]

    @cached_property
    def _step_forecasts(self) -> Floats:
        """`ahead` for the skills of each step drawn first, list by list, (steps, 2, K)."""
        row, step = self._steps_drawn
        codes = self.codes[self.drawn.position[row, step, 0]]
        skills = np.maximum(self.catalogue.skill_matrix[codes], 0)
        return np.ascontiguousarray(self.ahead[:, row[:, None], skills].swapaxes(0, 1))

    @cached_property
    def _all_steps(self) -> StepColumns | None:
        """The steps of all lists."""
        drawn, (row, step) = self.drawn, self._steps_drawn
        if drawn.position.shape[2] > 1 or drawn.pinned:
            return None
        relaxed: list[tuple[str, ...]] = [()] * len(row)
        for (of_list, at), names in drawn.relaxed.items():
            first, end = self._list_ends[of_list : of_list + 2]
            if first + at < end:  # rules also gave way at a step that then found nothing
                relaxed[first + at] = names
        return StepColumns(
            self.names,
            self.catalogue.resource_ids[self.codes[drawn.position[row, step, 0]]].tolist(),
            self.propensity[row, step].tolist(),
            self.joint[row, step].tolist(),
            drawn.score[row, step, 0].tolist(),
            drawn.explored[row, step, 0].tolist(),
            np.ascontiguousarray(self.parts[:, row, step, 0].T),
            np.ascontiguousarray(self.contexts[:, row, step, 0].T),
            relaxed,
        )

    def _override(self, row: int, step: int) -> Mapping[str, Any] | None:
        if (row, step) not in self.drawn.pinned:
            return None
        would = self.drawn.pinned[row, step]
        return {
            "by": "teacher",
            "reason": "pin",
            "engine_action": None if would is None else self.resource(would[0]),
            "engine_propensity": None if would is None else would[1],
        }


class DrawnSteps(Sequence[Step]):
    """The steps of one list; equal to any sequence of equal steps."""

    __slots__ = ("_block", "_length", "_row")

    def __init__(self, block: DrawnBlock, row: int, length: int) -> None:
        self._block = block
        self._row = row
        self._length = length

    def __len__(self) -> int:
        return self._length

    def forecasts(self) -> Floats:
        """Return what was foreseen of each step's skills before it, see ``DrawnBlock.forecasts``."""
        return self._block.forecasts(self._row)

    def columns(self) -> StepColumns | None:
        """Return the steps side by side, see ``DrawnBlock.columns``."""
        return self._block.columns(self._row)

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Step]: ...
    def __getitem__(self, index: int | slice) -> Step | Sequence[Step]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(self._length)))
        if not -self._length <= index < self._length:
            raise IndexError(f"step {index} of a list of {self._length}")
        return self._block.step(self._row, index % self._length)

    def __iter__(self) -> Iterator[Step]:
        return (self._block.step(self._row, i) for i in range(self._length))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(step.resource for step in self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __reduce__(self) -> tuple[type[tuple[Step, ...]], tuple[tuple[Step, ...]]]:
        return tuple, (tuple(self),)
