"""A simulated class on any catalogue: its history, and what it does with the playlists it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from segue.experiments.simulation.cohort import Cohort, TermSlot
from segue.experiments.simulation.student_models import StudentModel, student_model
from segue.experiments.simulation.worlds.synthetic_course import around, pupils
from segue.features.catalogue import Catalogue, Ints

_SCHOOL_HOURS = (9.0, 10.5)


class SimulatedClass:
    """A class with a past, and with a hidden state that decides how it answers.

    Parameters
    ----------
    catalogue : Catalogue
        Any catalogue; labels of difficulty and prerequisites are taken for true, up to noise.
    n_learners : int
    rng : Generator
        All randomness, now and later; the same generator state gives the same class.
    began : datetime, UTC-aware
        Zero of the class's clock.
    model : str
        Name of a student model (`student_models.MODELS`).

    Attributes
    ----------
    learners : DataFrame
        learner, class_id, interests (list of stated tags).
    events : DataFrame
        What it did before it was asked anything (:meth:`before`), as ``segue.features.events.event_records``
        reads it.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> import numpy as np
    >>> from segue.features.catalogue import Catalogue, Resource
    >>> catalogue = Catalogue.build([Resource("a", skills=("k",)), Resource("b", skills=("k",))])
    >>> monday = datetime(2026, 9, 7, tzinfo=UTC)
    >>> room = SimulatedClass(catalogue, 2, rng=np.random.default_rng(0), began=monday)
    >>> room.answer({"pupil-000": ["a", "b"]}, now=monday)[["learner", "resource", "step"]].values.tolist()
    [['pupil-000', 'a', 1], ['pupil-000', 'b', 2]]
    """

    def __init__(
        self,
        catalogue: Catalogue,
        n_learners: int,
        *,
        rng: np.random.Generator,
        began: datetime,
        model: str = "forgetting",
        class_id: str = "class-1",
    ) -> None:
        chosen: StudentModel = student_model(model)
        world = around(catalogue, rng)
        people = pupils(world, n_learners, rng, prefix="pupil")
        self.cohort = Cohort(world, people, model=chosen, rng=rng)
        self.learners = pd.DataFrame(
            {"learner": list(people.ids), "class_id": class_id, "interests": [list(s) for s in people.stated]}
        )
        self._rng = rng
        self._began = pd.Timestamp(began)
        self._class_id = class_id
        self._seq = 0
        self.events = self._frame([], steps=[])

    @classmethod
    def before(
        cls,
        now: datetime,
        catalogue: Catalogue,
        *,
        n_learners: int,
        weeks: int,
        rng: np.random.Generator,
        model: str = "forgetting",
    ) -> SimulatedClass:
        """Return a class that has had `weeks` weeks of lessons before `now` (UTC-aware)."""
        began = (pd.Timestamp(now) - pd.Timedelta(weeks=weeks)).to_pydatetime()
        room = cls(catalogue, n_learners, rng=rng, began=began, model=model)
        room.events = room._study(weeks)
        return room

    def _study(self, weeks: int) -> pd.DataFrame:
        """Return the events of `weeks` of ordinary lessons from the beginning on, ten steps a week.

        Two steps of three follow the course (the first skills not mastered yet), one is anything.
        """
        slots = []
        for week in range(weeks):
            for position in range(10):
                hours = _hours(week, position)
                slots.append(self._do(self._ordinary(hours), hours=hours))
        return self._frame(slots, steps=[None] * len(slots))

    def answer(self, playlists: Mapping[str, Sequence[str]], *, now: datetime) -> pd.DataFrame:
        """Return the events of a week in which each learner does a playlist, two steps a weekday from `now`.

        Parameters
        ----------
        playlists : mapping of learner to resource ids, in order
            Learners who have left do nothing.

        Raises
        ------
        ValueError
            For a learner who is not in the class, or an unknown resource.
        """
        row = {learner: i for i, learner in enumerate(self.cohort.pupils.ids)}
        strangers = [learner for learner in playlists if learner not in row]
        if strangers:
            raise ValueError(f"playlists name {strangers[0]!r}, who is not in this class: use `learners`")
        codes = {who: self.cohort.world.catalogue.resource_codes(list(ids)) for who, ids in playlists.items()}
        start = (pd.Timestamp(now) - self._began).total_seconds() / 3600.0
        slots, steps = [], []
        for position in range(max((len(c) for c in codes.values()), default=0)):
            chosen = np.full(len(row), -1, dtype=np.int64)
            for who, ids in codes.items():
                if position < len(ids):
                    chosen[row[who]] = ids[position]
            slots.append(self._do(chosen, hours=start + _hours(0, position)))
            steps.append(position + 1)
        return self._frame(slots, steps=steps)

    def mastery(self, now: datetime) -> pd.DataFrame:
        """Return true mastery by learner and skill at `now`: what only a simulation knows."""
        hours = (pd.Timestamp(now) - self._began).total_seconds() / 3600.0
        names = [s.skill_id for s in self.cohort.world.catalogue.skills]
        return pd.DataFrame(self.cohort.mastery(hours), index=list(self.cohort.pupils.ids), columns=names)

    def _ordinary(self, hours: float) -> Ints:
        """Choose for everybody: the course where it is not mastered, now and then something else."""
        world = self.cohort.world
        first = np.maximum(world.catalogue.skill_matrix[:, 0], 0)
        level = self.cohort.mastery(hours)[:, first]
        place = world.level[first] * 4.0
        score = -place - 2.0 * (level > 0.7) - 0.8 * self.cohort.done
        score = score + self._rng.gumbel(0.0, 0.4, score.shape)
        anything = self._rng.random(len(score)) < 1 / 3
        score[anything] = self._rng.random((int(anything.sum()), score.shape[1]))
        return np.asarray(np.argmax(score, axis=1), dtype=np.int64)

    def _do(self, chosen: Ints, *, hours: float) -> TermSlot:
        who = np.flatnonzero(chosen >= 0)
        draws = self._rng.random((len(chosen), self.cohort.n_uniforms))
        return self.cohort.do(who, chosen[who], draws, hours=hours, propensity=np.ones(len(who)))

    def _frame(self, slots: Sequence[TermSlot], *, steps: Sequence[int | None]) -> pd.DataFrame:
        """Turn slots into events, in time order (see ``segue.features.events.event_records``)."""
        catalogue = self.cohort.world.catalogue
        ids, names = np.array(self.cohort.pupils.ids), np.array([r.resource_id for r in catalogue.resources])
        parts = []
        for slot, step in zip(slots, steps, strict=True):
            minutes = catalogue.minutes[slot.resources] * self._rng.uniform(0.6, 1.4, len(slot.resources))
            when = self._began + pd.to_timedelta(slot.hours + self._rng.random(len(minutes)), unit="h")
            parts.append(
                pd.DataFrame(
                    {
                        "kind": np.where(slot.completed, "attempt", "view"),
                        "learner": ids[slot.learners],
                        "resource": names[slot.resources],
                        "score": slot.correct,
                        "time": pd.DatetimeIndex(when).floor("s"),
                        "seconds": np.where(slot.completed, np.rint(60.0 * minutes), np.nan),
                        "completed": slot.completed,
                        "step": step,
                    }
                )
            )
        return self._numbered(parts)

    def _numbered(self, parts: list[pd.DataFrame]) -> pd.DataFrame:
        columns = ["kind", "learner", "resource", "score", "time", "seconds", "completed", "step"]
        frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
        frame = frame.sort_values("time", kind="stable", ignore_index=True)
        seq = np.arange(self._seq, self._seq + len(frame))
        self._seq += len(frame)
        names = [f"{self._class_id}-{n:06d}" for n in seq]
        return frame.assign(event_id=names, seq=seq, class_id=self._class_id)


def _hours(week: int, position: int) -> float:
    """Hours from the beginning to step `position` of `week`: two a weekday."""
    day, slot = divmod(position % 10, 2)
    return 168.0 * (week + position // 10) + 24.0 * day + _SCHOOL_HOURS[slot]
