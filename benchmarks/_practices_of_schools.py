"""What practices do in a whole school: plans, versions, manners of teaching, batches, staff."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from segue import sample
from segue.batch.from_workspace import weekly
from segue.batch.plan import WeeklyPlan
from segue.engine.explanations.own_plan import FindingKind, PlanStep, check_plan
from segue.engine.practices.rubrics import attempt_weight, fit_raters
from segue.engine.practices.slots import Slot
from segue.engine.practices.teaching_axes import axis_levels
from segue.engine.recommender import Recommender
from segue.engine.requests.request import Request
from segue.experiments.audit.score_recomputation import faults
from segue.experiments.simulation.simulated_class import SimulatedClass
from segue.features.catalogue import Catalogue, Floats
from segue.features.events.event_records import check, identify
from segue.features.history.attempts import HistoryParameters
from segue.features.history.learner_state import LearnerState
from segue.features.history.state_columns import MEAN, VARIANCE
from segue.features.history.streaming_update import Attempt, update
from segue.workspace.operations.policy_versions import put_in_force, version_diff, version_in_force
from segue.workspace.playlists.answering import Ask
from segue.workspace.practices.feedback_given import talks_due
from segue.workspace.practices.group_work import form_groups
from segue.workspace.practices.placements import listed_steps, place_week
from segue.workspace.practices.teaching_manners import fix_manners
from segue.workspace.records.matured_rewards import Outcome, record
from segue.workspace.records.rosters.enrolments import Enrolment, put_roster
from segue.workspace.storage.configuration import Configuration
from segue.workspace.workspace import Workspace

MONDAY = datetime(2026, 9, 7, 8, tzinfo=UTC)
WEEK = "2026-W37"
CLOSED, RETIRED, TAKEN_OUT = "trail-mix-talk", "tangram-areas", "folding-paper"  # what no plan may hold


@dataclass(frozen=True)
class Figure:
    """What was measured, its value, the bar, and whether it holds."""

    name: str
    value: str
    bar: str
    holds: bool


def small_school(
    folder: Path, *, seed: int, learners: int = 30, name: sample.Sample = "class"
) -> tuple[Workspace, list[str]]:
    """Return a fitted workspace on a bundled catalogue with a simulated class, and its roster."""
    space = Workspace.init(folder, environment={}, configuration=Configuration())
    space.set_catalogue(sample.load(name))
    rng = np.random.default_rng(seed)
    room = SimulatedClass.before(MONDAY, space.catalogue(), n_learners=learners, weeks=3, rng=rng)
    known = space.catalogue().resource_index
    space.add_events(identify(check(room.events, range(len(room.events)), resources=known).events))
    space.fit(now=MONDAY)
    return space, room.learners["learner"].tolist()


def valid_plan(recommender: Recommender, request: Request, rng: np.random.Generator) -> list[PlanStep]:
    """Return a plan of 3 to 6 steps with nothing to say against it, by a plain reading of the rules."""
    catalogue, limit = recommender.catalogue, recommender.kernel.settings.limits.ready
    mastery = recommender.kernel.scene(recommender.asked((request,))).skills.mastery[0].copy()
    out: list[PlanStep] = []
    for at in rng.permutation(len(catalogue.resources)).tolist():
        one = catalogue.resources[at]
        shut = one.resource_id in request.excluded or one.retired or one.available_from or one.available_until
        if shut or unready(catalogue, mastery, one.skills, limit):
            continue
        out.append(PlanStep(one.resource_id) if rng.random() < 0.8 else PlanStep(one.resource_id, "", 12.0))
        mastery[[catalogue.skill_index[name] for name in one.skills]] = 1.0
        if len(out) == 6 or (len(out) > 2 and rng.random() < 0.3):
            break
    if rng.random() < 0.5:
        out.append(PlanStep("", "draw a poster", 20.0))
    return out


def unready(catalogue: Catalogue, mastery: Floats, skills: Sequence[str], limit: float) -> bool:
    """Return whether one of the skills is below the limit itself, and something that it builds on is too."""
    low = [at for at in (catalogue.skill_index[name] for name in skills) if mastery[at] < limit]
    return any(mastery[before] < limit for before, after in catalogue.prerequisites if after in low)


def violated(
    plan: Sequence[PlanStep], kind: str, recommender: Recommender, request: Request, rng: np.random.Generator
) -> tuple[list[PlanStep], dict[str, object]] | None:
    """Return a valid plan with one violation planted, and what else to say; None where none can be."""
    catalogue, limit = recommender.catalogue, recommender.kernel.settings.limits.ready
    steps = list(plan)
    if kind == "early":
        mastery = recommender.kernel.scene(recommender.asked((request,))).skills.mastery[0]
        early = [r for r in catalogue.resources if unready(catalogue, mastery, r.skills, limit)]
        if not early:
            return None
        return [PlanStep(early[int(rng.integers(len(early)))].resource_id), *steps], {}
    if kind == "gap":
        codes = catalogue.resource_codes([step.resource for step in plan if step.resource])
        practised = {name for code in codes for name in catalogue.resources[code].skills}
        left = [skill.skill_id for skill in catalogue.skills if skill.skill_id not in practised]
        return steps, {"wanted": (left[int(rng.integers(len(left)))],)}
    if kind == "too long":
        return steps, {"minutes": 1.0}
    if kind == "empty":
        return [], {}
    put = {
        "unknown": PlanStep("no-such"),
        "taken out": PlanStep(TAKEN_OUT),
        "retired": PlanStep(RETIRED),
        "closed": PlanStep(CLOSED),
        "no time": PlanStep("", "think"),
    }
    steps.insert(max(int(rng.integers(len(steps) + 1)), 1), put.get(kind, steps[0]))
    return steps, {}


def own_plans(rounds: int, rng: np.random.Generator) -> Iterator[Figure]:
    """Yield planted violations that were found, and alarms on valid plans."""
    found, planted, false = 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        space, roster = small_school(Path(folder) / "school", seed=11, learners=10)
        space.change_resource(CLOSED, {"available_until": pd.Timestamp(MONDAY - timedelta(days=1))})
        space.retire_resource(RETIRED)
        champion, known = space.known(roster)
        strict = champion.recommender.version.drafted({"limits": {"ready": 0.6}})  # so that much is early
        recommender = champion.recommender.deciding_by(strict)
        for n in range(rounds):
            who = roster[n % len(roster)]
            request = Request(who, MONDAY, state=known[who], excluded=(TAKEN_OUT,))
            asked = recommender.asked((request,))
            plan = valid_plan(recommender, request, rng)
            false += bool(check_plan(recommender.kernel, asked, plan, minutes=600.0).findings)
            for kind in get_args(FindingKind):
                made = violated(plan, kind, recommender, request, rng)
                if made is not None:
                    planted += 1
                    said = check_plan(recommender.kernel, asked, made[0], **made[1])
                    found += kind in {one.kind for one in said.findings}
        space.close()
    yield Figure("violations found in own plans", f"{found} of {planted}", "all", found == planted)
    yield Figure("alarms on valid plans", f"{false} of {rounds}", "0", false == 0)


def versions(rng: np.random.Generator) -> Iterator[Figure]:
    """Yield the predicted share of changed lists of some drafts, and the real one."""
    gaps, shares = [], []
    for draft in ({"limits": {"per_skill": 1}}, {"weights": {"zone": 4.0}}, {"weights": {"interest": 0.5}}):
        with tempfile.TemporaryDirectory() as folder:
            space, roster = small_school(Path(folder) / "school", seed=int(rng.integers(99)))
            before = version_in_force(space)
            after = before.drafted(draft)
            told = version_diff(space, before, after, now=MONDAY, week=WEEK, k=6, learners=roster)
            one = _drawn(space, roster)
            put_in_force(space, after, by="head", now=MONDAY)
            other = _drawn(space, roster)
            real = sum(a != b for a, b in zip(one, other, strict=True)) / len(roster)
            gaps.append(abs(told.share - real))
            shares.append(f"{told.share:.0%}")
            space.close()
    text = f"{', '.join(shares)} predicted, largest gap {max(gaps):.0%}"
    yield Figure("share of lists that a draft changes", text, "gap 0", max(gaps) == 0.0)


def _drawn(space: Workspace, roster: Sequence[str]) -> list[tuple[str, ...]]:
    asked = [Request(who, MONDAY, k=6) for who in roster]
    given = space.recommend_many(asked, ask=Ask(surface="weekly", week=WEEK))
    return [tuple(step.resource for step in one.playlist.steps) for one in given]


def axes(rounds: int, rng: np.random.Generator) -> Iterator[Figure]:
    """Yield how often a manner without effect earns weight, and one with an effect of .15 does."""

    def earns(effect: float) -> bool:
        learner = np.repeat([f"u{i}" for i in range(60)], 12)
        level = np.where(rng.random(720) < 0.5, "visual", "spoken")
        surprise = (
            rng.normal(0, 0.3, 720) + np.repeat(rng.normal(0, 0.2, 60), 12) + effect * (level == "visual")
        )
        return any(a.weight for a in axis_levels("process", level.tolist(), surprise, learner.tolist()))

    def covered() -> bool:
        learner, skill = np.repeat([f"u{i}" for i in range(25)], 10), rng.integers(12, size=250)
        level = np.where(rng.random(250) < rng.beta(1, 1, 12)[skill], "visual", "spoken")
        reward = rng.normal(0, 0.3, 250) + rng.normal(0, 0.2, 12)[skill] + 0.15 * (level == "visual")
        alike = [skill.astype(str).tolist()]
        found = axis_levels("process", level.tolist(), reward, learner.tolist(), alike=alike)
        return all(a.low <= (0.15 if a.level == "visual" else -0.15) <= a.high for a in found)

    false = sum(earns(0.0) for _ in range(rounds)) / rounds
    found = sum(earns(0.15) for _ in range(rounds)) / rounds
    yield Figure("axes: weight without an effect", f"{false:.1%}", "<= 7 %", false <= 0.07)
    yield Figure("axes: effect of .15 found", f"{found:.1%}", ">= 90 %", found >= 0.9)
    share = sum(covered() for _ in range(2 * rounds)) / (2 * rounds)
    text = f"{share:.1%} of {2 * rounds} classes of 25 whose skills prefer a manner"
    yield Figure("axes: intervals that hold the effect", text, ">= 93 %", share >= 0.93)


def manners(rng: np.random.Generator) -> Iterator[Figure]:
    """Yield how far a manner that has earned a weight moves lists, and whether one without evidence does."""
    with tempfile.TemporaryDirectory() as folder:
        space, roster = small_school(Path(folder) / "school", seed=5)
        good = {one.resource_id for one in space.catalogue().resources if one.content == "visual"}
        before = space.known([])[0].recommender
        outcomes = []
        asked = [Request(who, MONDAY, k=8) for who in roster]
        weeks = [space.recommend_many(asked, ask=Ask(request_no=week)) for week in range(6)]
        for given in (one for week in weeks for one in week):
            for name, step in zip(given.decision_ids, given.playlist.steps, strict=True):
                value = float(rng.normal(0.1, 0.2)) + 0.15 * (step.resource in good)
                outcomes.append(Outcome(name, "matured", value, "{}", 1, settled=True))
        unearned = space.challenger(now=MONDAY).model_hash == before.model_hash
        with space.store.write() as connection:
            record(connection, outcomes)
        after = space.fit(now=MONDAY)
        champion, known = space.known(roster)
        asked = [Request(who, MONDAY, state=known[who], k=8) for who in roster]
        lists = [
            [one.recommend(request, rng=np.random.default_rng(i)) for i, request in enumerate(asked)]
            for one in (before, after)
        ]
        wrong = sum(len(faults(one, request, after)) for one, request in zip(lists[1], asked, strict=True))
        shares = [np.mean([s.resource in good for one in part for s in one.steps]) for part in lists]
        weight = {m.level: m.weight for m in champion.fitted.kernel.manners}.get("visual", 0.0)
        space.close()
    text = f"{shares[0]:.0%} -> {shares[1]:.0%} of steps, weight {weight:+.2f} for an effect of +0.15"
    yield Figure("manner that teaches more in lists", text, "more by 5 points", shares[1] > shares[0] + 0.05)
    yield Figure("reasons that are not exact, with manners", str(wrong), "0", wrong == 0)
    yield Figure("model without outcomes", "the same" if unearned else "another", "the same", unearned)


def disputed(rounds: int, rng: np.random.Generator) -> Iterator[Figure]:
    """Yield what raters' disagreement does to a learner's vector: how far it moves, how sure it becomes."""
    catalogue = sample.load()
    n_resources, n_skills = len(catalogue.resources), len(catalogue.skills)
    parameters = HistoryParameters.of(
        catalogue, item_logit=np.zeros(n_resources), skill_logit=np.zeros(n_skills), global_logit=0.0
    )
    less, unsure, weights = 0, 0, []
    work, rater = np.repeat(np.arange(3), 4), np.tile(np.arange(4), 3)
    for _ in range(rounds):
        level, gap = rng.uniform(0.55, 0.8), rng.uniform(0.05, 0.2)
        scores = np.full(12, level)
        scores[:4] += np.array([-1, 1, -1, 1]) * gap
        found = fit_raters(scores, work, rater)
        pair = [attempt_weight(float(found.quality[at]), float(found.quality_std[at])) for at in (0, 1)]
        rows = []
        for weight in pair:
            state = LearnerState.fresh(catalogue)
            update(state, Attempt(0, float(level), 0.0, 1, weight), parameters)
            rows.append(state.rows[catalogue.skill_matrix[0, 0]])
        less += abs(rows[0][MEAN]) < abs(rows[1][MEAN])
        unsure += rows[0][VARIANCE] > rows[1][VARIANCE]
        weights.append(pair)
    text = f"moves less in {less}, stays less sure in {unsure} of {rounds}"
    mean = np.mean(weights, axis=0)
    said = f"{text} (weight {mean[0]:.2f} against {mean[1]:.2f})"
    yield Figure("vector where raters disagree", said, "all", min(less, unsure) == rounds)


def batch_and_single(rng: np.random.Generator) -> Iterator[Figure]:
    """Yield lists, groups and places that differ between a week drawn at once and one by one."""
    found = []
    seed = int(rng.integers(99))
    for at_once in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            space, roster = small_school(Path(folder) / "school", seed=seed)
            with space.store.write() as connection:
                put_roster(
                    connection, space.keyring, "7b", [Enrolment(n, "7b") for n in roster[:20]], now=MONDAY
                )
            fix_manners(space, "7b", {"content:visual": 0.2})
            if at_once:
                plan = WeeklyPlan(WEEK, MONDAY, space.configuration.seed, k=6)
                weekly(space, plan, Path(folder) / "out", roster=roster)
            else:
                for who in roster:
                    space.recommend(Request(who, MONDAY, k=6), ask=Ask(surface="weekly", week=WEEK))
            steps = listed_steps(space, roster, WEEK, now=MONDAY)
            slots = [
                Slot("home", "home", MONDAY, 30),
                Slot("desk", "teacher", MONDAY + timedelta(hours=5), 8),
            ]
            found.append(
                (
                    [(one.learner, one.resource) for one in steps],
                    place_week(space, "7b", steps, slots, week=WEEK, now=MONDAY, keep=True),
                    form_groups(space, "7b", "bridge", names=roster, size=4, now=MONDAY, keep=True),
                    talks_due(space, "7b", names=roster, minutes=40, now=MONDAY),
                )
            )
            space.close()
    apart = sum(a != b for a, b in zip(*found, strict=True))
    text = f"{apart} of steps, places, groups and talks differ"
    yield Figure("a week at once and one by one", text, "0", apart == 0)


def staff(rng: np.random.Generator) -> Iterator[Figure]:
    """Yield, of a school whose learners are its teachers, who has no list, and texts that say student."""
    with tempfile.TemporaryDirectory() as folder:
        space, roster = small_school(Path(folder) / "staff", seed=int(rng.integers(99)), name="staff")
        requests = [Request(who, MONDAY, k=4) for who in roster]
        given = space.recommend_many(requests, ask=Ask(surface="weekly", week=WEEK))
        texts = [
            text
            for request, one in zip(requests, given, strict=True)
            for why in space.explain(request, one.playlist)
            for text in (why.student, why.teacher)
        ]
        texts += [one.reason for one in talks_due(space, "staff", names=roster, minutes=60, now=MONDAY)]
        space.close()
    empty = sum(not one.playlist.steps for one in given)
    said = sum("student" in text.lower() for text in texts)
    yield Figure("staff without a list", f"{empty} of {len(roster)}", "0", empty == 0)
    yield Figure("texts for staff that say student", f"{said} of {len(texts)}", "0", said == 0)
