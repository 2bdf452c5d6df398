"""What a workspace logged, one row a step, with what a report asks of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from segue.experiments.evaluation.logs.labels import label_of
from segue.features.iso_weeks import week_of
from segue.workspace.records.events import events_about_decisions
from segue.workspace.records.learners import find_learners
from segue.workspace.reports.decision_frame import decision_frame
from segue.workspace.workspace import Workspace

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


TEXTS = ("class", "week", "showed", "resource", "skill", "kind", "status")  # as objects: cut quickly


@dataclass(frozen=True)
class LoggedSteps:
    """Steps (columns `COLUMNS`), titles of resources, and labels of learners by declared column."""

    steps: pd.DataFrame
    titles: Mapping[str, str]
    groups: Mapping[str, Mapping[int, str]]


def logged_steps(
    workspace: Workspace, roster: pd.DataFrame | None = None, *, only: Collection[int] | None = None
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
        frame = decision_frame(connection, only)
        events = events_about_decisions(connection, only)
        asked = [] if roster is None else [str(who) for who in roster["learner"]]
        names = find_learners(connection, workspace.keyring, asked)
        fitted = workspace.champion(connection).fitted
    catalogue = workspace.catalogue()
    resources = {r.resource_id: r for r in catalogue.resources}
    frame = frame[frame["resource"].isin(resources.keys())].reset_index(drop=True)
    known = frame["resource"].map(resources)
    frame["skill"] = [r.skills[0] if r.skills else "" for r in known]
    frame["kind"] = [r.kind for r in known]
    frame["minutes"] = [r.minutes for r in known]
    logit = fitted.kernel.parameters.item_logit
    easier = (logit < np.median(logit)).astype(np.float64).tolist()
    hard = dict(zip(fitted.catalogue.resource_index, easier, strict=False))
    frame["level"] = frame["resource"].map(hard)
    frame["menu"] = frame["menu"].map(len) > 1
    matured = pd.to_datetime(pd.to_numeric(frame["matured"]), unit="us", utc=True)
    frame["showed"] = ["" if pd.isna(t) else week_of(t.to_pydatetime(), workspace.time_zone) for t in matured]
    frame["surprise"] = [_surprise(v, p) for v, p in zip(frame["reward"], frame["parts"], strict=True)]
    frame = frame.join(_followed(events), on="decision_id")
    frame["done"] = frame["done"].eq(other=True)
    groups = _groups(roster, {source: person.number for source, person in names.items()})
    classes = groups.pop("class", {})
    frame["class"] = [classes.get(number, "") for number in frame["learner"]]
    titles = {name: r.title or name for name, r in resources.items()}
    kept = {name: frame[name].astype(object) if name in TEXTS else frame[name] for name in COLUMNS}
    return LoggedSteps(pd.DataFrame(kept), titles, groups)


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


def _followed(events: pd.DataFrame) -> pd.DataFrame:
    """Return, by decision, whether something was done about it, and how it was rated."""
    done = events[events["kind"].isin(["attempt", "completion", "view"])].groupby("step").size() > 0
    rated = events[events["kind"] == "rating"].groupby("step")["score"].last()
    return pd.DataFrame({"done": done, "rating": rated}, dtype=object)


def _groups(roster: pd.DataFrame | None, numbers: Mapping[str, int]) -> dict[str, dict[int, str]]:
    """Return the labels of each roster column by the learner's number."""
    if roster is None:
        return {}
    return {
        str(column): {
            numbers[who]: label_of(value)
            for who, value in zip(map(str, roster["learner"]), roster[column], strict=True)
            if who in numbers and label_of(value)
        }
        for column in roster.columns
        if column != "learner"
    }
