"""An experiment in a workspace: declared, drawn, and looked at, all from what is stored anyway."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segue.engine.policies import Greedy
from segue.engine.policies.policy_version import policy_from
from segue.engine.recommender import Recommender
from segue.engine.requests.request import Request
from segue.experiments.evaluation.logs.shadow_policy import led_along
from segue.experiments.evaluation.trials.assignment import arms_of, moved_on, units_of
from segue.experiments.evaluation.trials.declaration import TrialDeclaration, declared_before
from segue.features.iso_weeks import start_of, week_of
from segue.workspace.playlists.answering import Question, answer, with_acts
from segue.workspace.records import learner_states as states
from segue.workspace.records.decision_log import Draw, Entry, log, rows_of
from segue.workspace.records.learners import Learner, add_learners, find_learners
from segue.workspace.records.rosters.arms import Began, WeekArms, began_in, keep_arms, keep_began
from segue.workspace.reports.week.step_frame import logged_steps
from segue.workspace.sources.model_registry import Champion, load_sums
from segue.workspace.storage.database import Connection, get_document, put_document
from segue.workspace.storage.pseudonyms import Keyring
from segue.workspace.workspace import Workspace

if TYPE_CHECKING:
    from segue.experiments.evaluation.trials.sequential import TrialLook

DECLARED = "trials"
Roster = Mapping[str, Mapping[str, str]]


def declare(workspace: Workspace, trial: TrialDeclaration, *, now: datetime) -> None:
    """Write an experiment down before it starts; the same once more is no change.

    Raises
    ------
    ValueError
        When it has started already, another of this name was declared, or a path names what is no resource.
    """
    resources = workspace.catalogue().resource_index
    for arm, configuration in trial.arms.items():
        if unknown := [one for one in configuration.get("path", ()) if one not in resources]:
            raise ValueError(f"the path of arm {arm!r} names {unknown[0]!r}, which is no resource here")
    with workspace.store.write() as connection:
        known = json.loads(get_document(connection, DECLARED) or b"{}")
        there = known.get(trial.name)
        if there is not None:
            if declared_before(there["trial"]).digest != trial.digest:
                raise ValueError(
                    f"experiment {trial.name!r} was declared otherwise on {there['time']}: what decides is "
                    "fixed before the start; declare another under another name"
                )
            return
        if now >= trial.start:
            raise ValueError(f"experiment {trial.name!r} starts {trial.start.isoformat()}: declare it before")
        known[trial.name] = {"trial": trial.to_dict(), "time": now.isoformat()}
        put_document(connection, DECLARED, json.dumps(known).encode())


def declared(workspace: Workspace, name: str) -> TrialDeclaration:
    """Return the experiment of a name.

    Raises
    ------
    ValueError
        When none was declared under it.
    """
    return declared_before(_row(workspace, name)["trial"])


def end(workspace: Workspace, name: str, *, now: datetime) -> None:
    """End an experiment: from the next week on the model in charge decides for everybody again.

    Raises
    ------
    ValueError
        When none was declared under the name, or it has ended already.
    """
    there = _row(workspace, name)
    if "ended" in there:
        raise ValueError(f"experiment {name!r} ended on {there['ended']}")
    with workspace.store.write() as connection:
        known = json.loads(get_document(connection, DECLARED) or b"{}")
        known[name]["ended"] = now.isoformat()
        put_document(connection, DECLARED, json.dumps(known).encode())
        keep_arms(connection, None)


def running(workspace: Workspace, *, now: datetime) -> list[TrialDeclaration]:
    """Return the experiments whose first week is that of `now` or before, and that have not ended."""
    with workspace.store.read() as connection:
        known = json.loads(get_document(connection, DECLARED) or b"{}")
    trials = [declared_before(row["trial"]) for row in known.values() if not _over(row, now)]
    return [trial for trial in trials if _begun(trial, now, workspace.time_zone)]


def _begun(trial: TrialDeclaration, now: datetime, zone: str) -> bool:
    """Return whether the week of `now` is that of the start or a later one: a week is one arm's."""
    return week_of(now, zone) >= week_of(trial.start, zone)


def _row(workspace: Workspace, name: str) -> dict[str, Any]:
    with workspace.store.read() as connection:
        known: dict[str, dict[str, Any]] = json.loads(get_document(connection, DECLARED) or b"{}")
    if name not in known:
        raise ValueError(f"no experiment {name!r} was declared; there are {', '.join(known) or 'none'}")
    return known[name]


def _over(row: Mapping[str, Any], now: datetime) -> bool:
    return "ended" in row and datetime.fromisoformat(row["ended"]) <= now


def trial_arms(
    workspace: Workspace, trial: TrialDeclaration, roster: Roster, *, now: datetime
) -> dict[str, str]:
    """Return the arm of each learner of a roster (LMS ids) in the week of `now`."""
    with workspace.store.read() as connection:
        people = find_learners(connection, workspace.keyring, list(roster))
        there = began_in(connection, trial.digest)
    week = weeks_since(trial, now, workspace.time_zone)
    found = _beginnings(trial, roster, people, there, seed=workspace.configuration.seed)
    return {learner: moved_on(trial, one.arm, week=week) for learner, one in found.items()}


def _beginnings(
    trial: TrialDeclaration,
    roster: Roster,
    people: Mapping[str, Learner],
    there: Mapping[int, Began],
    *,
    seed: str,
) -> dict[str, Began]:
    """Return where each learner of a roster begins, or began: who is there already stays."""
    unit_of, strata = units_of(trial, list(roster), roster)
    classes = trial.unit == "class"
    known = {who: there[person.number].arm for who, person in people.items() if person.number in there}
    if classes:
        known = {one.unit: one.arm for one in there.values()}
    arms = arms_of(trial, strata, seed=seed, began=known)
    return {who: Began(arms[unit], unit if classes else "") for who, unit in unit_of.items()}


def weeks_since(trial: TrialDeclaration, now: datetime, zone: str) -> int:
    """Return how many Mondays there were since the start, 0 before it: a week is one arm's."""
    first, this = (start_of(week_of(moment, zone), zone) for moment in (trial.start, now))
    return max(round((this - first) / timedelta(days=7)), 0)


@dataclass(frozen=True)
class ArmsDeciding:
    """Who decides for whom in a week of an experiment: for each learner (by number) their arm.

    `week` counts from the start: a fixed path goes on by as many steps a week as a list has. Whoever is in no
    arm is answered by the model in charge.
    """

    trial: TrialDeclaration
    arms: Mapping[int, str]
    week: int

    @property
    def named(self) -> str:
        """Digest of the experiment, the assignment and the week."""
        said = repr((self.trial.digest, sorted(self.arms.items()), self.week))
        return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()

    def entries(
        self,
        connection: Connection,
        champion: Champion,
        questions: Sequence[Question],
        known: Mapping[int, states.Kept],
        *,
        keyring: Keyring | None,
    ) -> list[Entry]:
        """Return lists as each learner's arm decides; where a fixed path has ended there is none."""
        sums = load_sums(connection)
        out: list[Entry] = []
        for arm, configuration in (("", {}), *self.trial.arms.items()):
            mine = [q for q in questions if self.arms.get(q.learner.number, "") == arm]
            if "path" in configuration:
                out += _along(champion, mine, known, configuration["path"], week=self.week)
                continue
            rival, version = champion, configuration.get("policy")
            if version is not None:
                live = Champion.of(champion.fitted.deciding_by(policy_from(version)), sums).recommender
                rival = replace(champion, recommender=live)
            out += answer(rival, with_acts(connection, rival, mine, keyring=keyring), known, looked_at=False)
        return out


def deciding_in(
    workspace: Workspace, trial: TrialDeclaration, roster: Roster, *, now: datetime
) -> ArmsDeciding:
    """Return who decides for whom in the week of `now`.

    Raises
    ------
    ValueError
        Before the start, or after the end.
    """
    if not _begun(trial, now, workspace.time_zone):
        raise ValueError(f"experiment {trial.name!r} starts {trial.start.isoformat()}: nothing is drawn yet")
    if _over(there := _row(workspace, trial.name), now):
        raise ValueError(f"experiment {trial.name!r} ended on {there['ended']}: nothing is drawn any more")
    week = weeks_since(trial, now, workspace.time_zone)
    with workspace.store.write() as connection:
        people = add_learners(connection, workspace.keyring, list(roster))
        known = began_in(connection, trial.digest)
        found = _beginnings(trial, roster, people, known, seed=workspace.configuration.seed)
        keep_began(connection, trial.digest, {people[who].number: one for who, one in found.items()})
        numbers = {people[who].number: moved_on(trial, one.arm, week=week) for who, one in found.items()}
        keep_arms(connection, _written_down(trial, numbers, week, workspace.time_zone))
    return ArmsDeciding(trial, numbers, week)


def _written_down(trial: TrialDeclaration, arm_of: Mapping[int, str], week: int, zone: str) -> WeekArms:
    """Return what lists asked for in between go by: in a crossover until the end of this period."""
    start = start_of(week_of(trial.start, zone), zone)
    last = ""
    if trial.period_weeks:
        ends = (week // trial.period_weeks + 1) * trial.period_weeks - 1
        last = week_of(start + timedelta(days=7 * ends + 3), zone)
    first = week_of(start + timedelta(days=7 * week + 3), zone)
    return WeekArms(trial.digest, week_of(trial.start, zone), first, last, arm_of, trial.arms)


def trial_week(
    workspace: Workspace, trial: TrialDeclaration, roster: Roster, *, now: datetime, k: int = 10
) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Draw and log the week's lists, each learner's as their arm decides; return (arm, resources) by learner.

    A fixed path goes on by `k` resources a week. The same week once more gives the same lists, whenever it is
    asked for, and so does the weekly batch (`deciding_in`).

    Raises
    ------
    ValueError
        Before the start, or after the end.
    """
    deciding = deciding_in(workspace, trial, roster, now=now)
    week = week_of(now, workspace.time_zone)
    first = start_of(week, workspace.time_zone)
    with workspace.store.write() as connection:
        champion = workspace.champion(connection)
        people = add_learners(connection, workspace.keyring, list(roster))
        kept, newer = states.current(
            connection, [p.number for p in people.values() if not p.opted_out], champion.fold
        )
        states.save(connection, newer, champion.fold)
        questions = [_question(workspace, person, week, now=first, k=k) for person in people.values()]
        entries = deciding.entries(connection, champion, questions, kept, keyring=workspace.keyring)
        log(connection, rows_of(entries))
    drawn = {entry.draw.learner: tuple(entry.steps.resource) for entry in entries}
    return {who: (deciding.arms[p.number], drawn.get(p.number, ())) for who, p in people.items()}


def trial_looks(
    workspace: Workspace, trial: TrialDeclaration, roster: Roster, *, now: datetime
) -> list[TrialLook]:
    """Return each arm against the first as it stands; one may look every week.

    Of the first arm's alternatives each gets its share of alpha, so that all hold together.
    """
    from segue.experiments.evaluation.trials.sequential import look  # noqa: PLC0415 - .4 s, spared every week

    there = _row(workspace, trial.name)
    if _over(there, now):
        now = datetime.fromisoformat(there["ended"])
    steps = logged_steps(workspace).steps
    first_week = week_of(trial.start, workspace.time_zone)
    steps = steps[(steps["week"] >= first_week) & (steps["week"] <= week_of(now, workspace.time_zone))]
    with workspace.store.read() as connection:
        people = find_learners(connection, workspace.keyring, list(roster))
        began = began_in(connection, trial.digest)
    if not began:  # nothing was drawn yet
        mine = {who: row for who, row in roster.items() if who in people}
        found = _beginnings(trial, mine, people, {}, seed=workspace.configuration.seed)
        began = {people[who].number: one for who, one in found.items()}
    steps = steps[steps["learner"].isin(began.keys())]
    units = [began[number].unit or str(number) for number in steps["learner"]]
    zone, last = workspace.time_zone, weeks_since(trial, now, workspace.time_zone)
    at = {week_of(trial.start + timedelta(days=7 * place), zone): place for place in range(last + 1)}
    table = pd.DataFrame(
        {
            "arm": [
                moved_on(trial, began[number].arm, week=at[week])
                for number, week in zip(steps["learner"], steps["week"], strict=True)
            ],
            "unit": pd.factorize(pd.Series(units, dtype=object), sort=True)[0],
            "value": steps[trial.metric].to_numpy(np.float64),
        }
    )
    first, *others = trial.arms
    out = []
    for other in others:
        rows = table[table["arm"].isin([first, other])]
        out.append(
            look(
                rows["value"].to_numpy(np.float64),
                rows["unit"].to_numpy(np.int64),
                (rows["arm"] == other).to_numpy(),
                names=(other, first),
                alpha=trial.alpha / len(others),
                expected_se=trial.expected_se,
            )
        )
    return out


def _question(workspace: Workspace, person: Learner, week: str, *, now: datetime, k: int) -> Question:
    draw = Draw(workspace.configuration.seed, "playlist", week, person.number)
    return Question(Request(person.surrogate, now, k=k), person, draw, "weekly")


def _along(
    champion: Champion,
    questions: Sequence[Question],
    known: Mapping[int, states.Kept],
    path: Sequence[str],
    *,
    week: int,
) -> list[Entry]:
    """Return lists that are the next part of a fixed path, as far as it can be offered."""
    out: list[Entry] = []
    for question in questions:
        k = question.request.k
        part = path[week * k : (week + 1) * k]
        steps = [r for r in part if r in champion.recommender.catalogue.resource_index]
        if not steps:
            continue
        request = replace(question.request, k=len(steps))
        fixed: Recommender = led_along(champion.recommender, request, steps, policy=Greedy())
        out += answer(replace(champion, recommender=fixed), [replace(question, request=request)], known)
    return out
