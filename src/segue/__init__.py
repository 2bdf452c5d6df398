"""Segue: what should this student do next, and why?

Two doors, both light to open. With a store: ``segue.open(folder)`` gives a workspace. Without one:
``segue.fit(catalogue, events, ...)`` gives a recommender, and
``segue.recommend(recommender, request, rng=rng)`` asks it.
"""

from __future__ import annotations

import importlib
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from segue.batch.plan import WeeklyPlan
    from segue.batch.weekly_job import weekly_job as week
    from segue.engine.explanations.what_if import Edit
    from segue.engine.explanations.why_not import WhyNot
    from segue.engine.policies.base import Policy
    from segue.engine.policies.greedy import EpsilonGreedy, Greedy, Uniform
    from segue.engine.policies.inverse_gap import Exponentiated, InverseGap
    from segue.engine.policies.softmax import Softmax
    from segue.engine.policies.thompson import ThompsonSampling
    from segue.engine.recommender import Recommender
    from segue.engine.requests.request import Dials, Goal, Place, Request
    from segue.engine.sampling.playlists import Playlist, Step
    from segue.engine.settings import Settings
    from segue.features.catalogue import Catalogue, Resource, Skill
    from segue.features.events.event_records import Frame
    from segue.features.vectors.transformers import LearnerVectors, learner_vectors
    from segue.workspace.practices.feedback_given import feedback_waiting, talks_due
    from segue.workspace.practices.group_work import form_groups, pair_reviews
    from segue.workspace.practices.placements import place_week
    from segue.workspace.practices.project_work import project_states
    from segue.workspace.practices.teaching_manners import axes_of, fix_manners
    from segue.workspace.practices.work_pace import paces_of
    from segue.workspace.workspace import Workspace

__all__ = [
    "Catalogue",
    "Dials",
    "Edit",
    "EpsilonGreedy",
    "Exponentiated",
    "Goal",
    "Greedy",
    "InverseGap",
    "LearnerVectors",
    "Place",
    "Playlist",
    "Policy",
    "Recommender",
    "Request",
    "Resource",
    "Settings",
    "Skill",
    "Softmax",
    "Step",
    "ThompsonSampling",
    "Uniform",
    "WeeklyPlan",
    "WhyNot",
    "Workspace",
    "axes_of",
    "feedback_waiting",
    "fit",
    "fix_manners",
    "form_groups",
    "learner_vectors",
    "open",
    "paces_of",
    "pair_reviews",
    "place_week",
    "project_states",
    "recommend",
    "talks_due",
    "week",
]
_NAMES = {
    "segue.batch.plan": "WeeklyPlan",
    "segue.batch.weekly_job": "week",
    "segue.engine.explanations.what_if": "Edit",
    "segue.engine.explanations.why_not": "WhyNot",
    "segue.engine.policies.base": "Policy",
    "segue.engine.policies.greedy": "EpsilonGreedy Greedy Uniform",
    "segue.engine.policies.inverse_gap": "Exponentiated InverseGap",
    "segue.engine.policies.softmax": "Softmax",
    "segue.engine.policies.thompson": "ThompsonSampling",
    "segue.engine.recommender": "Recommender",
    "segue.engine.requests.request": "Dials Goal Place Request",
    "segue.engine.sampling.playlists": "Playlist Step",
    "segue.engine.settings": "Settings",
    "segue.features.catalogue": "Catalogue Resource Skill",
    "segue.features.vectors.transformers": "LearnerVectors learner_vectors",
    "segue.workspace.practices.feedback_given": "feedback_waiting talks_due",
    "segue.workspace.practices.group_work": "form_groups pair_reviews",
    "segue.workspace.practices.placements": "place_week",
    "segue.workspace.practices.project_work": "project_states",
    "segue.workspace.practices.teaching_manners": "axes_of fix_manners",
    "segue.workspace.practices.work_pace": "paces_of",
    "segue.workspace.workspace": "Workspace",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}
_OTHER_NAMES = {"week": "weekly_job"}


def recommend(recommender: Recommender, request: Request, *, rng: np.random.Generator) -> Playlist:
    """Return the playlist of one request: a pure function, with no key, no store and no clock.

    Parameters
    ----------
    recommender : Recommender
        From :func:`fit`, or ``Recommender.load(folder)``.
    request : Request
        Who asks (with the learner's state), when, and for what.
    rng : numpy Generator
        Draws the steps; the same state of the generator gives the same playlist.

    Examples
    --------
    >>> import numpy as np, segue, segue.sample
    >>> from datetime import UTC, datetime
    >>> now = datetime(2026, 11, 23, 8, tzinfo=UTC)
    >>> recommender = segue.fit(segue.sample.load(), None, now=now, rng=np.random.default_rng(0))
    >>> request = segue.Request("a new student", now, k=3)
    >>> playlist = segue.recommend(recommender, request, rng=np.random.default_rng(1))
    >>> len(playlist.steps), all(0 < step.propensity <= 1 for step in playlist.steps)
    (3, True)
    """
    return recommender.recommend(request, rng=rng)


def fit(
    catalogue: Catalogue,
    events: Frame | None,
    *,
    now: datetime,
    rng: np.random.Generator,
    settings: Settings | None = None,
    policy: Policy | None = None,
    time_zone: str = "UTC",
) -> Recommender:
    """Return a recommender fitted on events (``segue.features.events.event_records``); None is a cold start.

    Parameters
    ----------
    now : datetime
        UTC-aware; what is not rewarded by then is pending, or censored after 28 days.
    rng : numpy Generator
        Decides folds of learners, nothing else.
    settings, policy : Settings, Policy, optional
        The engine's numbers and how it explores; the defaults are ``Settings()`` and ``Softmax()``.
    time_zone : str
        Says what "a later day" is.
    """
    import pandas as pd  # noqa: PLC0415 - `import segue` is to stay instant

    from segue.engine.recommender import fit as fit_events  # noqa: PLC0415
    from segue.features.events.event_records import as_pandas  # noqa: PLC0415

    rows = pd.DataFrame() if events is None else as_pandas(events)
    return fit_events(catalogue, rows, rng=rng, now=now, config=settings, policy=policy, time_zone=time_zone)


def open(folder: str | Path) -> Workspace:  # noqa: A001 - as in gzip.open: segue.open reads well
    """Return the workspace of a folder made by ``segue init``, with its key from file or `SEGUE_KEY`.

    Raises
    ------
    WorkspaceError, KeyMissingError
        When the folder is no workspace, or its key is missing.
    """
    import os  # noqa: PLC0415

    from segue.workspace.workspace import Workspace  # noqa: PLC0415

    return Workspace.open(Path(folder), environment=os.environ)


def __getattr__(name: str) -> Any:
    """Load a type when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'segue' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), _OTHER_NAMES.get(name, name))


def __dir__() -> list[str]:
    """Return the public names, those not loaded yet among them."""
    return sorted({*globals(), *__all__})
