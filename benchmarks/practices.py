"""Do the practices of a class keep what they promise? One figure a line, and whether it holds.

Run: ``python benchmarks/practices.py [--draws 200000] [--weeks 10000] [--rooms 400]``. Ends with status 1
when a figure misses its bar.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
from _practices_of_schools import (
    MONDAY,
    Figure,
    axes,
    batch_and_single,
    disputed,
    manners,
    own_plans,
    staff,
    versions,
)
from scipy import stats

from segue.engine.practices.capacity import draw_places, enumerated, inclusion_probabilities
from segue.engine.practices.groups import imbalance, suggest_groups
from segue.engine.practices.pace import fit_pace
from segue.engine.practices.projects import WEEK, Milestone, reserved_minutes, stall_of
from segue.engine.practices.reviews import feedback_due, review_pairs
from segue.engine.practices.rubrics import fit_raters
from segue.engine.practices.slots import ListedStep, Slot, broken_slots, drawn_places


def marginals(draws: int, rng: np.random.Generator) -> Iterator[Figure]:
    """Yield the chi-square of empirical against logged marginals, with the covariance that the draws have."""
    for n in range(6, 13):
        p = inclusion_probabilities(rng.gamma(1.0, size=n), n // 3)
        taken = np.array([draw_places(p, rng) for _ in range(draws)], dtype=np.float64)
        counted, pairs = taken.sum(axis=0), taken.T @ taken
        share = counted / draws
        covariance = (pairs / draws - np.outer(share, share)) / draws
        off = share - p
        statistic = float(off @ np.linalg.pinv(covariance, rcond=1e-9) @ off)
        chance = float(stats.chi2.sf(statistic, n - 1))
        text = f"chi-square {statistic:.1f} on {n - 1}, p = {chance:.3f}, largest gap {np.abs(off).max():.5f}"
        yield Figure(f"marginals, class of {n}, {draws:,} draws", text, "p > .001", chance > 0.001)
        sets = enumerated(p)
        gap = max(abs(sum(c for who, c in sets.items() if i in who) - p[i]) for i in range(n))
        yield Figure(f"marginals enumerated, class of {n}", f"gap {gap:.1e}", "< 1e-12", gap < 1e-12)


def capacity(weeks: int, rng: np.random.Generator) -> Iterator[Figure]:
    """Yield how many weeks broke capacity, the flipped order, or held somebody twice."""
    broken = 0
    for _ in range(weeks):
        names = [f"u{i}" for i in range(int(rng.integers(3, 13)))]
        kinds = ("lesson", "exercise", "discussion", "quiz")
        steps = [
            ListedStep(name, f"r{j}", kinds[int(rng.integers(4))], (f"s{int(rng.integers(3))}",))
            for name in names
            for j in range(3)
        ]
        slots = [
            Slot("home", "home", MONDAY, len(names)),
            Slot("station", "station", MONDAY + timedelta(hours=20), int(rng.integers(0, 6))),
            Slot("teacher", "teacher", MONDAY + timedelta(hours=22), int(rng.integers(0, 5))),
        ]
        need = dict(zip(names, rng.gamma(1.0, size=len(names)).tolist(), strict=True))
        flipped = bool(rng.random() < 0.5)
        placed = [p for p in drawn_places(steps, slots, need, rng=rng, flipped=flipped) if p.taken]
        broken += bool(broken_slots(placed, steps, slots, flipped=flipped))
    yield Figure(f"slots, {weeks:,} weeks", f"{broken} weeks broken", "0", broken == 0)


def mixed(classes: int, rng: np.random.Generator) -> Iterator[Figure]:
    """Yield how often groups are better balanced than 95 % of random ones, and whether a role stays empty."""
    better, empty = 0, 0
    roles = ("reads", "draws", "speaks")
    for _ in range(classes):
        mastery = rng.random((23, 6)) * rng.random((23, 1))
        made = suggest_groups(mastery, size=4, roles=roles, rng=rng)
        empty += any(not set(roles) <= set(group.roles) for group in made)
        chance = [
            imbalance(mastery, [part.tolist() for part in np.array_split(rng.permutation(23), 5)])
            for _ in range(200)
        ]
        better += imbalance(mastery, [group.members for group in made]) < np.quantile(chance, 0.05)
    yield Figure("groups beyond random's 95 %", f"{better} of {classes}", "all", better == classes)
    yield Figure("groups with an empty role", str(empty), "0", empty == 0)


def projects(learners: int, rng: np.random.Generator) -> Iterator[Figure]:
    """Yield weeks with minutes kept, and precision and recall on planted stalls."""
    kept, weeks, right, said, planted = 0, 0, 0, 0, 0
    plan = [Milestone(f"part {i}", MONDAY + (2 * i + 2) * WEEK, 60.0) for i in range(5)]
    for _ in range(learners):
        stalls = bool(rng.random() < 0.3)
        stop = int(rng.integers(3, 6)) if stalls else 99
        done: set[str] = set()
        activity: list[datetime] = []
        now = MONDAY
        for week in range(8):
            now = MONDAY + week * WEEK
            minutes = reserved_minutes(plan, frozenset(done), now=now, minutes_a_week=90.0)
            weeks += 1
            kept += minutes > 0.0
            if week < stop:
                activity += [
                    now + timedelta(hours=float(h)) for h in rng.uniform(0, 150, int(rng.integers(1, 4)))
                ]
                done |= {m.name for m in plan if m.due <= now + 2 * WEEK and rng.random() < 0.9}
                done |= {m.name for m in plan if m.due <= now + WEEK}
        found = stall_of(
            plan, frozenset(done), activity, now=now + WEEK, started=MONDAY, minutes_a_week=90.0
        ).stalled
        planted += stalls
        said += found
        right += found and stalls
    share, precision, recall = kept / weeks, right / max(said, 1), right / max(planted, 1)
    yield Figure("weeks with minutes reserved", f"{share:.2%}", ">= 99 %", share >= 0.99)
    text = f"precision {precision:.2f}, recall {recall:.2f} ({planted} planted)"
    yield Figure("stalled projects", text, ">= .9 each", min(precision, recall) >= 0.9)


def raters(rounds: int, rng: np.random.Generator) -> Iterator[Figure]:
    """Yield how well severities of six raters come back from 90 works, three ratings each."""
    errors, plain, within = [], [], []
    for _ in range(rounds):
        severity = rng.normal(0.0, 0.1, 6)
        severity -= severity.mean()
        noise = rng.uniform(0.04, 0.12, 6)
        quality = rng.uniform(0.35, 0.75, 90)
        work = np.repeat(np.arange(90), 3)
        rater = np.concatenate([rng.choice(6, 3, replace=False) for _ in range(90)])
        score = np.clip(quality[work] - severity[rater] + noise[rater] * rng.normal(size=270), 0, 1)
        found = fit_raters(score, work, rater)
        errors.append(np.abs(found.severity - severity).mean())
        within.append(float(np.mean((found.quality - quality) ** 2)))
        plain.append(float(np.mean((np.bincount(work, score) / 3 - quality) ** 2)))
    error, gain = float(np.mean(errors)), 1.0 - float(np.mean(within) / np.mean(plain))
    yield Figure("rater severity recovered", f"mean error {error:.3f} (spread .1)", "< .03", error < 0.03)
    yield Figure("squared error of works against plain means", f"{gain:.0%} less", "> 0", gain > 0.0)


def peers(rounds: int, rng: np.random.Generator) -> Iterator[Figure]:
    """Yield pairs with oneself, repeated or of unequal load, over three reviews of a class."""
    bad, repeats = 0, 0
    for _ in range(rounds):
        before: list[tuple[str, str]] = []
        for _ in range(3):
            submitted = [f"u{i}" for i in range(20) if rng.random() < 0.9]
            pairs = review_pairs(submitted, 2, rng=rng, before=before)
            out = np.unique([one for one, _ in pairs], return_counts=True)[1]
            into = np.unique([other for _, other in pairs], return_counts=True)[1]
            bad += (
                any(a == b or b not in submitted for a, b in pairs)
                or len(set(pairs)) < len(pairs)
                or {*out.tolist(), *into.tolist()} != {2}
            )
            repeats += sum(pair in before for pair in pairs)
            before += pairs
    share = repeats / (rounds * 3 * 36)
    yield Figure(f"reviews with self, twice or unequal, of {3 * rounds}", str(bad), "0", bad == 0)
    yield Figure("pairs of an earlier review again", f"{share:.1%}", "< 5 %", share < 0.05)
    last: dict[str, datetime | None] = {f"u{i}": None for i in range(25)}
    missed = 0
    for week in range(40):
        now = MONDAY + week * WEEK
        for name in feedback_due(last, now=now):
            last[name] = now
        missed += sum(at is None or now - at >= WEEK for at in last.values())
    yield Figure("periods without feedback, 25 learners, 40 weeks", str(missed), "0", missed == 0)


def pace(rng: np.random.Generator) -> Iterator[Figure]:
    """Yield the error of predicted minutes on held-out works, against the catalogue's."""
    n, works = 6_000, 60
    own, of_work = rng.normal(0.2, 0.35, 150), rng.normal(0, 0.25, works)
    learner, work = rng.integers(150, size=n), rng.integers(works, size=n)
    catalogue = rng.choice([5.0, 10.0, 20.0], works)[work]
    minutes = catalogue * np.exp(own[learner] + of_work[work] + rng.normal(0, 0.5, n))
    train, rest = slice(0, 4_000), slice(4_000, n)
    fitted = fit_pace(
        minutes[train], catalogue[train], learner[train], work[train], n_learners=150, n_resources=works
    )
    guess = fitted.minutes(catalogue[rest], learner[rest], work[rest])
    scale = float(np.exp(np.mean(np.log(minutes[train] / catalogue[train]))))

    def error(said: np.ndarray) -> float:
        return float(np.abs(np.log(said) - np.log(minutes[rest])).mean())

    plain, scaled = error(catalogue[rest]), error(scale * catalogue[rest])
    text = f"{error(guess):.3f} (catalogue {plain:.3f}, scaled {scaled:.3f})"
    best = min(plain, scaled)
    yield Figure("minutes held out, mean |log error|", text, "below both", error(guess) < best)


def teacher_time(rooms: int, rng: np.random.Generator) -> Iterator[Figure]:
    """Yield how often 95 % intervals of the effect of teacher time hold it, classes as clusters.

    Needs decide who gets time, and who needs more learns less: a plain difference is biased. Each class-week
    gives one Horvitz-Thompson difference by the logged probabilities; a class is a cluster of eight weeks.
    """
    effect, covered, plain = 0.15, 0, []
    for _ in range(rooms):
        classes, seen = [], []
        for _ in range(40):
            need = rng.gamma(2.0, size=12)
            ability = 0.6 - 0.08 * need + rng.normal(0, 0.1)
            p = inclusion_probabilities(need, 4)
            weeks = []
            for _ in range(8):
                taken = draw_places(p, rng)
                outcome = ability + effect * taken + rng.normal(0, 0.2, 12)
                weeks.append(float(np.mean(outcome * taken / p - outcome * ~taken / (1.0 - p))))
                seen.append(outcome[taken].mean() - outcome[~taken].mean())
            classes.append(float(np.mean(weeks)))
        half = stats.t.ppf(0.975, 39) * np.std(classes, ddof=1) / np.sqrt(40)
        covered += abs(float(np.mean(classes)) - effect) <= half
        plain.append(float(np.mean(seen)))
    share = covered / rooms
    text = f"{share:.1%} of {rooms} (a plain difference says {np.mean(plain):+.3f} for {effect:+.3f})"
    yield Figure("effect of teacher time covered", text, ">= 93 %", share >= 0.93)


def performance(rounds: int, rng: np.random.Generator) -> Iterator[Figure]:
    """Yield whether the uncertainty of a performance task's scores follows raters' disagreement and error."""
    agreed, split, gaps, said = [], [], [], []
    for _ in range(rounds):
        quality = rng.uniform(0.2, 0.8, 3)
        noise = np.repeat(rng.choice([0.04, 0.2], 3), 4)
        work, rater = np.repeat(np.arange(3), 4), np.tile(np.arange(4), 3)
        score = np.clip(quality[work] + noise * rng.normal(size=12), 0.0, 1.0)
        found = fit_raters(score, work, rater)
        gaps += np.abs(found.quality - quality).tolist()
        said += found.quality_std.tolist()
        same = np.full(12, 0.6)
        apart = same.copy()
        apart[:4] += np.array([-1, 1, -1, 1]) * rng.uniform(0.05, 0.4)
        agreed.append(fit_raters(same, work, rater).quality_std[0])
        split.append(fit_raters(apart, work, rater).quality_std[0])
    grown = float(np.mean(np.array(split) > np.array(agreed)))
    told = float(stats.spearmanr(said, gaps).statistic)
    yield Figure("uncertainty grows with disagreement", f"{grown:.0%} of {rounds}", "all", grown == 1.0)
    yield Figure("uncertainty told and error made", f"rank correlation {told:.2f}", "> .2", told > 0.2)


def main(draws: int = 200_000, weeks: int = 10_000, rooms: int = 400, seed: int = 1) -> None:
    """Print every figure; exit 1 when one misses its bar."""
    rng = np.random.default_rng(seed)
    parts = (
        marginals(draws, rng),
        capacity(weeks, rng),
        mixed(40, rng),
        projects(400, rng),
        raters(40, rng),
        peers(100, rng),
        pace(rng),
        teacher_time(rooms, rng),
        axes(300, rng),
        performance(200, rng),
        disputed(200, rng),
        own_plans(200, rng),
        versions(rng),
        manners(rng),
        batch_and_single(rng),
        staff(rng),
    )
    missed = 0
    for part in parts:
        for figure in part:
            missed += not figure.holds
            mark = "ok    " if figure.holds else "MISSED"
            print(f"{mark} {figure.name}: {figure.value} (bar: {figure.bar})", flush=True)
    sys.exit(missed > 0)


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
