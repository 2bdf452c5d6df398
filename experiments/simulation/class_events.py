"""Events of the classroom contract as arrays: what a tutor was told, without a frame for every moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segue.features.catalogue import Bools, Catalogue, Floats, Ints
from segue.features.history.attempts import Attempts


@dataclass(frozen=True, eq=False)
class ClassEvents:
    """Events in the order in which they were told; all arrays of shape (n,).

    Attributes
    ----------
    learner : object array
        Ids as text.
    code : int array
        Number of each learner, as the tutor counts them.
    resource : int array
    score : float array
        NaN: no attempt.
    time : float array
        UTC epoch seconds.
    seq : int array
        Running number.
    completed : float array
        1 or 0 of work that was offered; NaN: a test, which offers nothing.
    """

    learner: NDArray[np.object_]
    code: Ints
    resource: Ints
    score: Floats
    time: Floats
    seq: Ints
    completed: Floats

    @classmethod
    def read(
        cls, events: pd.DataFrame, catalogue: Catalogue, *, codes: dict[str, int], first: int
    ) -> ClassEvents:
        """Return contract events as Segue's, numbered from `first`; new learners are added to `codes`.

        Not completed is a view.
        """
        learner = [str(who) for who in events["learner_id"].tolist()]
        code = [codes.setdefault(who, len(codes)) for who in learner]
        completed = events["completed"].fillna(False).to_numpy(np.bool_)
        correct = pd.to_numeric(events["correct"]).to_numpy(np.float64)
        scored = completed & np.isfinite(correct)
        time = pd.to_datetime(events["timestamp"])
        if time.dt.tz is not None:
            time = time.dt.tz_convert("UTC").dt.tz_localize(None)
        return cls(
            np.array(learner, dtype=object),
            np.array(code, dtype=np.int64),
            catalogue.resource_codes([str(what) for what in events["resource_id"].tolist()]),
            np.where(scored, np.clip(correct, 0.0, 1.0), np.nan),
            time.to_numpy("datetime64[ns]").astype(np.int64) / 1e9,
            np.arange(first, first + len(events)),
            np.where(events["kind"].to_numpy() == "pretest", np.nan, completed.astype(np.float64)),
        )

    @classmethod
    def joined(cls, parts: Sequence[ClassEvents]) -> ClassEvents:
        """Return events of several occasions as one."""
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))

    def __len__(self) -> int:
        return len(self.code)

    @property
    def scored(self) -> Bools:
        """Which are attempts."""
        return ~np.isnan(self.score)

    def take(self, rows: Ints | Bools) -> ClassEvents:
        """Return some of the events, in order."""
        return ClassEvents(*(getattr(self, f.name)[rows] for f in fields(self)))

    def ordered(self) -> ClassEvents:
        """Return the events by learner and time."""
        return self.take(Attempts.order(self.code, self.resource, self.time, self.seq))

    def attempts(self) -> Attempts:
        """Return the attempts; the events must be `ordered`."""
        some = self.take(self.scored)
        return Attempts(some.code, some.resource, some.score, some.time, some.seq)

    def offers(self, catalogue: Catalogue) -> tuple[Ints, Ints, Floats]:
        """Return learner, kind and whether it was finished, of the work offered."""
        offered = np.flatnonzero(~np.isnan(self.completed))
        return self.code[offered], catalogue.kind_code[self.resource[offered]], self.completed[offered]

    def views(self) -> tuple[list[int], list[int], list[float]]:
        """Return learner, resource and time of what was finished without a score; needs them `ordered`."""
        some = self.take((self.completed == 1.0) & ~self.scored)
        return some.code.tolist(), some.resource.tolist(), some.time.tolist()

    def offered_before(self, catalogue: Catalogue) -> Floats:
        """Return the work offered and finished before each event, by kind, shape (n, n_kinds, 2).

        The events must be `ordered`.
        """
        each = np.zeros((len(self), len(catalogue.kind_ids), 2))
        rows, kinds = np.arange(len(self)), catalogue.kind_code[self.resource]
        each[rows, kinds, 0] = ~np.isnan(self.completed)
        each[rows, kinds, 1] = np.nan_to_num(self.completed)
        before = np.cumsum(each, axis=0) - each
        _, first, who = np.unique(self.code, return_index=True, return_inverse=True)
        return np.asarray(before - before[first][who])

    def frame(self, catalogue: Catalogue) -> pd.DataFrame:
        """Return the events as ``segue.engine.training.fit`` reads them."""
        ids = np.array([resource.resource_id for resource in catalogue.resources], dtype=object)
        return pd.DataFrame(
            {
                "kind": np.where(self.scored, "attempt", "view"),
                "learner": self.learner,
                "resource": ids[self.resource] if len(self) else np.zeros(0, dtype=object),
                "score": self.score,
                "time": pd.to_datetime(np.rint(self.time * 1e9).astype(np.int64), utc=True),
                "seq": self.seq,
                "completed": self.completed,
            }
        )
