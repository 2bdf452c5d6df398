"""A school that tests work on: a workspace with a simulated class, two weeks into the term."""

from __future__ import annotations

import copy
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import func, select

from segue import sample
from segue.engine.requests.request import Request
from segue.experiments.simulation.simulated_class import SimulatedClass
from segue.features.events.event_records import check, identify
from segue.workspace.operations import integrity as doctor
from segue.workspace.storage import schema
from segue.workspace.storage.configuration import FILE, Configuration
from segue.workspace.workspace import Workspace

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
KEY = {"SEGUE_KEY": "11" * 32}
STEPS = 6


class School:
    """A workspace with a simulated class of eight, two weeks into the term."""

    def __init__(self, space: Workspace, room: SimulatedClass) -> None:
        self.space = space
        self.room = room
        self.roster: list[str] = room.learners["learner"].tolist()

    @classmethod
    def founded(cls, path: Path, database: str) -> School:
        configuration = Configuration(database, time_zone="Europe/Paris")
        space = Workspace.init(path, environment=KEY, configuration=configuration)
        space.set_catalogue(sample.load())
        rng = np.random.default_rng(3)
        room = SimulatedClass.before(MONDAY, sample.load(), n_learners=8, weeks=2, rng=rng)
        school = cls(space, room)
        space.add_events(school.checked(room.events))
        space.fit(now=MONDAY)
        return school

    def copied(self, path: Path, database: str) -> School:
        """Return a school of its own like this one; `database` holds a copy of this one's ("": embedded)."""
        shutil.copytree(self.space.path, path)
        told = json.loads((path / FILE).read_text("utf-8"))
        (path / FILE).write_text(json.dumps(told | {"database": database}), encoding="utf-8")
        return School(Workspace.open(path, environment=KEY), copy.deepcopy(self.room))

    def checked(self, events: pd.DataFrame) -> pd.DataFrame:
        known = self.space.catalogue().resource_index
        return identify(check(events, range(len(events)), resources=known).events)

    def decide(self, now: datetime = MONDAY) -> dict[str, list[str]]:
        asked = [Request(learner, now, k=STEPS) for learner in self.roster]
        given = self.space.recommend_many(asked)
        return {
            n: [s.resource for s in one.playlist.steps] for n, one in zip(self.roster, given, strict=True)
        }

    def study(self, now: datetime = MONDAY) -> pd.DataFrame:
        events = self.room.answer(self.decide(now), now=now)
        frame = self.checked(events)
        self.space.add_events(frame)
        return frame

    def count(self, table: str) -> int:
        with self.space.store.read() as connection:
            query = select(func.count()).select_from(schema.metadata.tables[table])
            return int(connection.execute(query).scalar_one())

    def digest(self) -> str:
        return doctor.digest(self.space)

    def well(self) -> bool:
        return all(finding.well for finding in doctor.examine(self.space))
