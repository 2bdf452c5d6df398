"""A random life of a store beside a model of it in plain sets: what is kept, refused and forgotten."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select

from segue.batch.rebuild import rebuild
from segue.engine.requests.request import Request
from segue.features.catalogue import Catalogue, Resource
from segue.features.events.event_records import check, identify
from segue.workspace.operations import integrity as doctor
from segue.workspace.privacy import learner_rights as privacy
from segue.workspace.records.learners import find_learners
from segue.workspace.storage import schema
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.errors import WorkspaceError
from segue.workspace.workspace import Workspace

NOW = datetime(2026, 11, 23, tzinfo=UTC)
KEY = {"SEGUE_KEY": "11" * 32}
LEARNERS = ("ada", "bob", "cyd")
CATALOGUE = Catalogue.build([Resource(f"r{i}", skills=(f"k{i % 3}",)) for i in range(6)])
rows = st.tuples(st.integers(0, 30), st.sampled_from(LEARNERS), st.integers(0, 5), st.booleans())


class StoreMachine(RuleBasedStateMachine):
    """The store and the model: event id → learner, who was erased or opted out, which decisions there are."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="segue-machine-"))
        self.space = Workspace.init(self.folder / "school", environment=KEY, configuration=Configuration())
        self.space.set_catalogue(CATALOGUE)
        self.space.fit(now=NOW)
        self.events: dict[int, str] = {}
        self.said: dict[int, tuple[object, ...]] = {}
        self.erased: set[str] = set()
        self.out: set[str] = set()
        self.seen: set[str] = set()
        self.decided: dict[str, str] = {}

    @rule(batch=st.lists(rows, max_size=8))
    def append(self, batch: list[tuple[int, str, int, bool]]) -> None:
        raw = pd.DataFrame(
            {
                "event_id": [f"e{number}" for number, *_ in batch],
                "learner": [learner for _, learner, *_ in batch],
                "resource": [f"r{item}" for *_, item, _ in batch],
                "score": [float(right) for *_, right in batch],
                "time": [pd.Timestamp(NOW) + pd.Timedelta(hours=number) for number, *_ in batch],
            }
        )
        done = self.space.add_events(identify(check(raw, range(len(raw))).events))
        said, conflicts = dict(self.said), 0
        for number, learner, *more in batch:
            content = (None if learner in self.erased else learner, *more)
            conflicts += said.setdefault(number, content) != content
        added = 0
        for number, learner, *more in {row[0]: row for row in reversed(batch)}.values():
            if number in self.events:
                continue
            if learner not in self.erased:
                self.seen.add(learner)
                if learner not in self.out:
                    self.events[number], self.said[number] = learner, (learner, *more)
                    added += 1
        assert (done.added, len(done.conflicts)) == (added, conflicts)
        assert done.added + done.repeats + done.erased + done.opted_out + conflicts == len(batch)

    @rule(learner=st.sampled_from(LEARNERS), minute=st.integers(0, 3))
    def decide(self, learner: str, minute: int) -> None:
        request = Request(learner, NOW.replace(minute=minute), k=2)
        try:
            given = self.space.recommend(request)
        except WorkspaceError:
            assert learner in self.erased
            return
        assert learner not in self.erased
        self.seen.add(learner)
        if learner not in self.out:  # who opted out gets the class's list, and nothing of it is stored
            self.decided |= dict.fromkeys(given.decision_ids, learner)

    @rule(learner=st.sampled_from(LEARNERS))
    def erase(self, learner: str) -> None:
        try:
            privacy.erase(self.space, learner, now=NOW)
        except WorkspaceError:
            assert learner not in self.seen
            return
        self.erased.add(learner)
        self.seen.discard(learner)
        self.out.discard(learner)
        self.events = {number: who for number, who in self.events.items() if who != learner}
        self.said = {number: said for number, said in self.said.items() if number in self.events}
        self.decided = {decision: who for decision, who in self.decided.items() if who != learner}

    @rule(learner=st.sampled_from(LEARNERS), out=st.booleans())
    def choose(self, learner: str, out: bool) -> None:
        if learner in self.erased:
            return
        privacy.opt_out(self.space, learner, out=out)
        self.seen.add(learner)
        (self.out.add if out else self.out.discard)(learner)

    @rule()
    def learn_and_rebuild(self) -> None:
        self.space.learn(now=NOW)
        before = doctor.digest(self.space)
        rebuild(self.space)
        assert doctor.digest(self.space) == before

    @rule()
    def reopen(self) -> None:
        self.space.close()
        self.space = Workspace.open(self.folder / "school", environment=KEY)

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        if not hasattr(self, "space"):
            return
        with self.space.store.read() as connection:
            people = find_learners(connection, self.space.keyring, LEARNERS)
            who = {person.number: name for name, person in people.items()}
            stored = connection.execute(select(schema.events.c.time, schema.events.c.learner)).all()
            decided = set(connection.execute(select(schema.decisions.c.decision_id)).scalars())
        assert {
            round(time / 3.6e9 - NOW.timestamp() / 3600): who[number] for time, number in stored
        } == self.events
        assert decided == set(self.decided)
        assert set(people) == self.seen

    def teardown(self) -> None:
        if hasattr(self, "space"):
            assert all(finding.well for finding in doctor.examine(self.space))
            self.space.close()
            shutil.rmtree(self.folder)


StoreMachine.TestCase.settings = settings(max_examples=8, stateful_step_count=15, deadline=None)
TestStoreMachine = StoreMachine.TestCase
