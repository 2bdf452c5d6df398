"""What a workspace logged, one row a step, with what a report asks of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from segue.engine.explanations.taught import taught_table
from segue.features.events.text_dialects import label_of
from segue.features.iso_weeks import week_of
from segue.features.reward import CENSOR_DAYS
from segue.workspace.records.events import what_was_done
from segue.workspace.records.learners import find_learners
from segue.workspace.reports.frames import decision_cells
from segue.workspace.reports.table_methods import TableMethods

COLUMNS = (
    "learner",
    "class",
    "week",
    "showed",
    "resource",
    "skill",
    "kind",
    "minutes",
    "level",
    "explored",
    "overridden",
    "menu",
    "status",
    "reward",
    "surprise",
    "done",
    "rating",
)


KEYS = {"learner": "int64", "resource": "object", "time": "int64"}
DONE = frozenset({"attempt", "completion", "view"})
TEXTS = ("class", "week", "showed", "resource", "skill", "kind", "status")  # as objects: cut quickly


@dataclass(frozen=True)
class LoggedSteps:
    """Steps (columns `COLUMNS`), what the resources used teach, and labels of learners by declared column.

    `taught` is as of ``taught_table``; `matched` is how many learners of the roster are known here.
    """

    steps: pd.DataFrame
    taught: pd.DataFrame
    groups: Mapping[str, Mapping[int, str]]
    matched: int = 0


def logged_steps(
    workspace: TableMethods, roster: pd.DataFrame | None = None, *, only: Collection[int] | None = None
) -> LoggedSteps:
    """Return the logged steps of a workspace.

    `showed` is the ISO week in which the reward matured ("": it has not), `surprise` the score of the next
    attempt less its forecast, `level` 1 for a resource harder than the middle one, `skill` the first skill of
    the resource.

    Parameters
    ----------
    roster : DataFrame, optional
        Column learner (the LMS's ids), and any of class and declared groups. They are matched here and kept
        nowhere.
    only : collection of int, optional
        Numbers of the learners whose steps count; everybody when left out.
    """
    with workspace.store.read() as connection:
        cells = decision_cells(connection, only)
        did = what_was_done(connection, min(cells["time"], default=0), only)
        asked = [] if roster is None else [label_of(who) for who in roster["learner"]]
        names = find_learners(connection, workspace.keyring, asked)
        champion = workspace.champion(connection)
    fitted = champion.fitted
    catalogue = workspace.catalogue()
    resources = catalogue.resource_index
    kept = [row for row, name in enumerate(cells["resource"]) if name in resources]
    cells = {name: [values[row] for row in kept] for name, values in cells.items()}
    known = [catalogue.resources[resources[name]] for name in cells["resource"]]
    logit = fitted.kernel.parameters.item_logit
    easier = (logit < np.median(logit)).astype(np.float64).tolist()
    hard = dict(zip(fitted.catalogue.resource_index, easier, strict=False))
    ratings = did[(did["kind"] == "rating") & did["score"].notna()]
    rated = dict(zip(ratings["step"], ratings["score"], strict=True))  # the last one of a step
    groups = _groups(roster, {source: person.number for source, person in names.items()})
    classes = groups.pop("class", {})
    cells |= {
        "class": [classes.get(number, "") for number in cells["learner"]],
        "showed": [_week(moment, workspace.time_zone) for moment in cells["matured"]],
        "skill": [r.skills[0] if r.skills else "" for r in known],
        "kind": [r.kind for r in known],
        "minutes": [r.minutes for r in known],
        "level": [hard.get(name, np.nan) for name in cells["resource"]],
        "menu": [len(offered) > 1 for offered in cells["menu"]],
        "surprise": list(map(_surprise, cells["reward"], cells["parts"])),
        "done": _done(cells, did),
        "rating": [rated.get(decision, np.nan) for decision in cells["decision_id"]],
    }
    objects = {name: pd.Series(cells[name], dtype=object) for name in TEXTS}
    steps = pd.DataFrame({name: objects.get(name, cells[name]) for name in COLUMNS})
    taught = taught_table(champion.recommender.kernel).query("steps > 0")
    taught["title"] = taught["title"].where(taught["title"] != "", taught["resource"])
    return LoggedSteps(steps, taught, groups, len(names))


def _week(microseconds: int | None, time_zone: str) -> str:
    """Return the ISO week of a moment ("": there is none)."""
    if microseconds is None:
        return ""
    return week_of(datetime.fromtimestamp(microseconds / 1e6, UTC), time_zone)


def _surprise(reward: float, parts: str | None) -> float:
    """Return the score less its forecast: the reward is half of that and half of the forecast's rise."""
    if parts is None or not np.isfinite(reward):
        return float("nan")
    said = json.loads(parts)
    if not said.get("after"):
        return float("nan")
    rise = np.asarray(said["after"], dtype=float) - np.asarray(said["week"], dtype=float)
    rise = rise[np.isfinite(rise)]
    return float(2 * reward - rise.mean()) if len(rise) else float("nan")


def _done(cells: Mapping[str, Sequence[Any]], did: pd.DataFrame) -> list[bool]:
    """Return whether each step was done: an event names it, or one that names none has its resource.

    The latter counts from the moment of the list until its reward is censored.
    """
    acts = did[did["kind"].isin(DONE)]
    bare = acts.loc[acts["step"] == "", ["learner", "resource", "time"]]
    steps = pd.DataFrame({name: cells[name] for name in ("learner", "resource", "time", "decision_id")})
    after = pd.merge_asof(
        steps.astype(KEYS).reset_index().sort_values("time"),
        bare.astype(KEYS).assign(at=bare["time"]).sort_values("time"),
        on="time",
        by=["learner", "resource"],
        direction="forward",
        tolerance=CENSOR_DAYS * 86_400_000_000,
    )
    followed = after.set_index("index")["at"].notna().sort_index()
    return (steps["decision_id"].isin(acts["step"]) | followed).tolist()


def _groups(roster: pd.DataFrame | None, numbers: Mapping[str, int]) -> dict[str, dict[int, str]]:
    """Return the labels of each roster column by the learner's number."""
    if roster is None:
        return {}
    learners = list(map(label_of, roster["learner"]))
    out: dict[str, dict[int, str]] = {}
    for column in map(str, roster.columns):
        if column == "learner":
            continue
        mine = out.setdefault(column, {})
        for who, label in zip(learners, map(label_of, roster[column]), strict=True):
            if who not in numbers or not label:
                continue
            if mine.setdefault(numbers[who], label) != label:
                raise ValueError(
                    f"the roster names learner {who!r} twice, with {column} {mine[numbers[who]]!r} and "
                    f"{label!r}: say one of them"
                )
    return out
