"""A workspace: one tenant's store, key and models, and what can be done with them.

Times (`now`) and the environment come from the caller; nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from gettext import NullTranslations
from pathlib import Path
from typing import Self

import pandas as pd

from segue.engine.explanations.why import ENGLISH, Explanation
from segue.engine.policies.base import Policy
from segue.engine.policies.policy_version import PolicyVersion
from segue.engine.recommender import Recommender, fit
from segue.engine.requests.request import Request
from segue.engine.sampling.playlists import Playlist
from segue.engine.sampling.randomness import generator
from segue.engine.settings import Settings
from segue.engine.training.fit import TrainingLog
from segue.features.history.learner_state import LearnerState
from segue.features.iso_weeks import near, week_of
from segue.features.learner_profile import LearnerProfile, profile
from segue.workspace.playlists.answering import (
    Ask,
    Given,
    Met,
    Question,
    StoredBeside,
    alternatives,
    answer_by_arms,
    as_met,
    named,
    nothing_beside,
    store_answers,
    with_acts,
)
from segue.workspace.playlists.feedback_methods import FeedbackMethods
from segue.workspace.playlists.lists_given_again import standing_again
from segue.workspace.playlists.published_playlists import (
    LONG_AGO,
    Moment,
    Published,
    ShownList,
    ShownStep,
    lists_of,
    published,
)
from segue.workspace.playlists.step_feedback import known_decision, no_decision
from segue.workspace.records import learner_states
from segue.workspace.records.decision_log import Draw
from segue.workspace.records.decision_queries import first_decision, set_received
from segue.workspace.records.events import Appended, append_block, last_number, standing_events
from segue.workspace.records.learner_states import Kept
from segue.workspace.records.learners import Learner, find_learners, present
from segue.workspace.records.matured_rewards import Outcome, outcomes
from segue.workspace.records.practices.manners import earned_manners
from segue.workspace.records.taught_effects import READ_UPTO, by_arrival, count_effects
from segue.workspace.reports.class_report import SkillOfClass, class_view
from segue.workspace.reports.table_methods import TableMethods
from segue.workspace.sources import model_registry as champions
from segue.workspace.sources.catalogues import CatalogueSource
from segue.workspace.sources.learning import Learnt, learn
from segue.workspace.sources.model_registry import Champion, Charge, Library, note_version
from segue.workspace.sources.state_sources import StoredStates
from segue.workspace.storage.configuration import (
    Configuration,
    check_key,
    found,
    open_store,
    read_configuration,
)
from segue.workspace.storage.database import Connection, Store
from segue.workspace.storage.errors import WorkspaceError, erased_learner
from segue.workspace.storage.pseudonyms import Keyring, find

BLOCK_EVENTS = 20_000


class Workspace(FeedbackMethods, TableMethods):
    """One tenant: its store, its key, its models. Make one with `init`, come back to it with `open`."""

    def __init__(
        self,
        path: Path,
        store: Store,
        keyring: Keyring,
        configuration: Configuration,
        *,
        models: Library | None = None,
        states: StoredStates | None = None,
    ) -> None:
        self.path = path
        self.store = store
        self.keyring = keyring
        self.configuration = configuration
        self._models = models or Library(path / "models")
        self._states = states or StoredStates(store, keyring)
        self.catalogue_in = CatalogueSource(path)

    @classmethod
    def init(cls, path: Path, *, environment: Mapping[str, str], configuration: Configuration) -> Self:
        """Make a workspace: folder, key file beside it (unless `SEGUE_KEY` holds the key), empty store.

        Raises
        ------
        WorkspaceError
            When there is one already.
        """
        found(path, configuration, environment)
        return cls.open(path, environment=environment)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        environment: Mapping[str, str],
        store_class: type[Store] = Store,
        models: Library | None = None,
        states: type[StoredStates] = StoredStates,
    ) -> Self:
        """Return the workspace of a folder, its store brought up to date.

        `models` and `states` say where models and states come from; by default from the folder and the store.

        Raises
        ------
        WorkspaceError
            When the folder is none.
        KeyMissingError
            When its key is not there: nothing is read or stored without it.
        """
        configuration = read_configuration(path)
        keyring = find(path, environment)
        store = open_store(path, configuration, store_class)
        check_key(path, store, keyring)
        return cls(path, store, keyring, configuration, models=models, states=states(store, keyring))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()

    @property
    def models(self) -> Path:
        """Where fitted artefacts lie."""
        return self._models.folder

    @property
    def time_zone(self) -> str:
        """The tenant's time zone."""
        return self.configuration.time_zone

    def add_events(self, events: pd.DataFrame, *, people: dict[str, Learner] | None = None) -> Appended:
        """Append checked events (columns of ``segue.features.events.event_records``) that are not there yet.

        Blocks of 20,000 are committed one by one: a second call goes on where a first was cut off. `people`
        remembers from call to call who is behind the source's ids.
        """
        tags, known = set(self.catalogue().tag_ids), {} if people is None else people
        total = Appended(0, 0, 0, 0)
        for start in range(0, len(events), BLOCK_EVENTS):
            block = events.iloc[start : start + BLOCK_EVENTS]
            total += append_block(self.store, self.keyring, block, tags=tags, people=known).after(start)
        return total

    def champion(self, connection: Connection) -> Champion:
        """Return the model in charge, with what has been learned up to this transaction."""
        return self.charge(connection).champion

    def charge(self, connection: Connection) -> Charge:
        """Return the same, and why it is not the fitted one where it is not."""
        return self._models.in_charge(connection, self.catalogue_in)

    def fitted(self, connection: Connection) -> tuple[str, Recommender]:
        """Return the hash of the artefact in charge, and what was fitted, over the catalogue as it stands."""
        return champions.current_fit(connection) or "", self.champion(connection).fitted

    def fit(
        self, *, now: datetime, policy: Policy | None = None, settings: Settings | None = None
    ) -> Recommender:
        """Fit difficulty, success model and reward model on all events up to `now`, put the result in charge.

        It decides by `policy` and `settings`, as do later fits (a version in the history); else as before.
        """
        recommender = self.challenger(now=now, policy=policy, settings=settings)
        if policy is not None or settings is not None:
            with self.store.write() as connection:
                note_version(connection, recommender.version, now, self._models.going_on, reason="fit")
        self.promote(recommender)
        return recommender

    def start_from(self, other: Recommender | None) -> None:
        """Let fits start from what another school's model knows of histories; None: from pedagogy again."""
        with self.store.write() as connection:
            champions.keep_prior(connection, None if other is None else other.kernel.success)

    def challenger(
        self, *, now: datetime, policy: Policy | None = None, settings: Settings | None = None
    ) -> Recommender:
        """Fit a model on what was known at `now`, and put nothing in charge; arguments as of `fit`.

        What came later is not read: a `now` that has passed gives a model that decisions since can judge.
        """
        catalogue = self.catalogue()
        with self.store.read() as connection:
            upto = last_number(connection)
            standing = standing_events(connection, upto)
            later = standing["time"] > now
            log = TrainingLog.of(standing[~later] if later.any() else standing, catalogue)
            decided = first_decision(connection)
            if policy is None or settings is None:
                going = self._models.going_on(connection) or PolicyVersion()
                policy, settings = policy or going.policy, settings or going.settings
            prior = champions.prior_in(connection)
        recommender = fit(
            catalogue,
            log,
            rng=generator(self.configuration.seed, "fit", "", "", 0),
            now=now,
            time_zone=self.time_zone,
            replay_until=decided,
            halves=by_arrival,
            config=settings,
            policy=policy,
            prior=prior,
        )
        with self.store.read() as connection:
            earned = earned_manners(connection, catalogue)
        recommender = replace(recommender, kernel=recommender.kernel.with_manners(earned))
        return replace(recommender, fitted={**recommender.fitted, READ_UPTO: str(upto)})

    def promote(self, recommender: Recommender) -> None:
        """Put a fitted model in charge, with the rewards of all logged decisions counted anew."""
        fit_hash = self._models.keep(recommender)
        with self.store.write() as connection:
            champions.promote(connection, fit_hash)
            champions.save_sums(connection, champions.counted(connection, recommender.schema_hash))
            self.store.forget()

    def recommend(self, request: Request, *, ask: Ask | None = None) -> Given:
        """Return the playlist of one request; its decisions are on disk before it is returned.

        `request.learner` is the LMS's id; `request.state` is filled in from the store. A learner never
        seen is a cold start. The same question on the same history has the same answer, and is stored once.
        """
        return self.recommend_many([request], ask=ask)[0]

    def recommend_many(self, requests: Sequence[Request], *, ask: Ask | None = None) -> list[Given]:
        """Return the playlists of many requests, in order, all stored in one transaction."""
        return self.answers(requests, ask=ask or Ask())[0]

    def answers(
        self,
        requests: Sequence[Request],
        *,
        ask: Ask,
        also: StoredBeside = nothing_beside,
        looked_at: bool = True,
    ) -> tuple[list[Given], Charge]:
        """Return the answers to many requests, stored, and what decided; `looked_at` as for `answer`.

        On SQLite all of it is one transaction. On PostgreSQL, where other processes wait for its lock, the
        decisions are computed between two short ones. What `also` stores is in the one that stores them.
        """
        with self.store.write() as connection:
            charge, questions, known = self._looked_up(connection, requests, ask)
            catalogue = charge.champion.recommender.catalogue
            questions, again = standing_again(connection, questions, known, catalogue, fresh=ask.fresh)
            new = [q for q in questions if q.name not in again]
            if self.store.is_sqlite:
                entries = answer_by_arms(charge.champion, new, known, looked_at=looked_at)
                return store_answers(connection, charge, questions, again, entries, also=also), charge
        entries = answer_by_arms(charge.champion, new, known, looked_at=looked_at)
        with self.store.write() as connection:
            numbers = {question.learner.number for question in new}
            if present(connection, numbers) != numbers:  # erased while their list was drawn
                raise erased_learner()
            return store_answers(connection, charge, questions, again, entries, also=also), charge

    def _looked_up(
        self, connection: Connection, requests: Sequence[Request], ask: Ask
    ) -> tuple[Charge, list[Question], dict[int, Kept]]:
        charge = self._states.charge(connection, self._models, self.catalogue_in)
        people = self._states.people(connection, [request.learner for request in requests])
        spoken = self._states.spoken(connection, {person.number for person in people.values()})
        questions = [
            self._question(request, people.get(request.learner), ask, spoken=spoken) for request in requests
        ]
        numbers = [q.learner.number for q in questions if not q.learner.opted_out]
        known = self._states.states(connection, numbers, charge.champion)
        questions = with_acts(connection, charge.champion, questions, keyring=self.keyring, spoken=spoken)
        if ask.request_no is None:
            questions = named(questions, known, charge.champion, ask=ask)
        return charge, questions, known

    def _question(
        self, request: Request, learner: Learner | None, ask: Ask, *, spoken: Collection[int] | None = None
    ) -> Question:
        if learner is None:
            raise erased_learner()
        week = near(ask.week, request.now) if ask.week else week_of(request.now, self.time_zone)
        seed = self.configuration.seed if ask.seed is None else ask.seed
        draw = Draw(seed, request.mode, week, learner.number, ask.request_no or 0)
        quiet = spoken is not None and learner.number not in spoken
        return Question(request, learner, draw, ask.surface, quiet=quiet)

    def not_received(self, playlist_id: str) -> None:
        """Say that nobody got a list: it does not count as shown until it is asked for again."""
        with self.store.write() as connection:
            set_received(connection, playlist_id, received=False)

    def known(self, learners: Sequence[str]) -> tuple[Champion, dict[str, LearnerState]]:
        """Return the model in charge and each learner's state, by the LMS's id; unknown ones are fresh."""
        with self.store.read() as connection:
            champion = self.champion(connection)
            people = find_learners(connection, self.keyring, learners)
            numbers = {who: p.number for who, p in people.items() if not p.opted_out}
            kept, _ = learner_states.current(connection, list(numbers.values()), champion.fold)
        nobody = champion.fold.fresh().state
        return champion, {who: kept[numbers[who]].state if who in numbers else nobody for who in learners}

    def asking(
        self, learners: Sequence[str], *, now: datetime, k: int = 10
    ) -> tuple[Champion, dict[str, Met]]:
        """Return the model in charge, and for each learner the request as it would be drawn."""
        champion, known = self.known(learners)
        asked = {who: Request(who, now, state=known[who], k=k) for who in learners}
        with self.store.read() as connection:
            people = find_learners(connection, self.keyring, learners)
            questions = [self._question(asked[who], person, Ask()) for who, person in people.items()]
            met = as_met(connection, champion, questions, keyring=self.keyring)
        return champion, {who: Met(r, r) for who, r in asked.items()} | dict(zip(people, met, strict=True))

    def profile(self, learner: str, *, now: datetime) -> LearnerProfile:
        """Return strengths, needs and interests; of a learner never seen, what is ready to be started."""
        champion, known = self.known([learner])
        fitted = champion.fitted
        return profile(known[learner], fitted.catalogue, reader=fitted.kernel.reader, now=now)

    def explain(self, request: Request, playlist: Playlist) -> list[Explanation]:
        """Return each step of a request's playlist in words, from what is known of its learner."""
        champion, known = self.known([request.learner])
        asked = replace(request, state=known[request.learner])
        return [champion.recommender.explain(step, asked) for step in playlist.steps]

    def alternatives(
        self, learner: str, playlist: Playlist, *, now: datetime
    ) -> list[tuple[str, Mapping[str, float]]]:
        """Return what nearly came instead of a playlist's steps, with the parts of the scores."""
        champion, asked = self.asking([learner], now=now)
        taken = {step.resource for step in playlist.steps}
        return alternatives(champion.recommender, asked[learner].said, taken=taken)

    def class_view(self, roster: Sequence[str], *, now: datetime) -> list[SkillOfClass]:
        """Return where a class stands and who is stuck, by the roster that the LMS gives."""
        champion, known = self.known(roster)
        return class_view(champion, known, now.timestamp())

    def lists(
        self,
        learner: str,
        *,
        now: datetime | None,
        week: str | None = None,
        surface: str | None = None,
        words: NullTranslations = ENGLISH,
        at: datetime = LONG_AGO,
    ) -> list[ShownList]:
        """Return a learner's lists as they stand, the newest first; `current` says which of them count.

        Nothing for a learner never seen, or who opted out. Without `now`: worded as when they were drawn, and
        without what has closed, or was left with courses that ended, by `at`. `words` is the catalogue of the
        language of the sentences.
        """
        with self.store.read() as connection:
            fold = self.champion(connection).fold
            person = find_learners(connection, self.keyring, [learner]).get(learner)
            if person is None or person.opted_out:
                return []
            moment = Moment(self.keyring, self.catalogue_in(connection), now or at)
            return lists_of(
                connection, moment, person.number, fold, now=now, week=week, surface=surface, words=words
            )

    def decision(self, decision_id: str, *, now: datetime) -> tuple[ShownList, ShownStep]:
        """Return a logged decision as it stands, with the list it belongs to.

        Raises
        ------
        DeclinedError
            When there is none of this id, or its learner opted out.
        """
        with self.store.read() as connection:
            learner = known_decision(connection, decision_id).learner
            fold = self.champion(connection).fold
            moment = Moment(self.keyring, self.catalogue_in(connection), now)
            lists = lists_of(connection, moment, learner, fold, now=now)
        for one in lists:
            for step in one.steps:
                if step.decision_id == decision_id:
                    return one, step
        raise no_decision()

    def published(
        self,
        roster: Sequence[str],
        week: str,
        *,
        surfaces: Sequence[str] = ("weekly",),
        now: datetime = LONG_AGO,
    ) -> dict[str, Published]:
        """Return what each learner of a roster is to do in a week; who has no list is left out.

        So is what has closed, or been left with courses that ended, by `now`.
        """
        with self.store.read() as connection:
            moment = Moment(self.keyring, self.catalogue_in(connection), now)
            return published(connection, moment, roster, week, surfaces=surfaces)

    def learn(self, *, now: datetime) -> Learnt:
        """Join rewards to decisions, and count them and what every attempt followed, each once."""
        done = learn(self.store, self.outcomes, now=now)
        with self.store.write() as connection:
            if champions.current_fit(connection) is not None:
                with suppress(WorkspaceError):  # a model that cannot be read learns nothing: a fit is due
                    fit_hash, fitted = self.fitted(connection)
                    count_effects(connection, fit_hash, fitted)
                    champions.prune_grown(self.models, {*champions.needed(connection), fitted.model_hash})
        return done

    def outcomes(
        self, connection: Connection, learner: int, *, now: float, since: int | None = None
    ) -> list[Outcome]:
        """Return the rewards of one learner's decisions as the facts stored give them at `now`."""
        models, zone = self._models.artefact, self.time_zone
        return outcomes(connection, learner, deciding=models, now=now, time_zone=zone, since=since)
