"""A workspace's policy versions: the one in force, those before it, and what another would change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from segue.engine.policies.policy_version import PolicyVersion, policy_from
from segue.engine.requests.request import Request
from segue.engine.sampling.drawn_playlists import DrawnSteps
from segue.features.iso_weeks import near, week_of
from segue.workspace.playlists.answering import Question, answer, with_acts
from segue.workspace.records import learner_states as states
from segue.workspace.records.decision_log import Draw, Entry
from segue.workspace.records.learners import Learner, every_learner, find_learners
from segue.workspace.records.taught_effects import carry_over, counted_since
from segue.workspace.sources.model_registry import HISTORY, Champion, current_fit, load_sums, note_version
from segue.workspace.storage.database import Connection, get_document
from segue.workspace.workspace import Workspace


@dataclass(frozen=True)
class SavedVersion:
    """A version that was put in force: when, by whom, why."""

    version: PolicyVersion
    time: datetime
    by: str
    reason: str


@dataclass(frozen=True)
class VersionDiff:
    """What a version would change in the lists of some learners.

    Attributes
    ----------
    settings : mapping
        What it says otherwise, by dotted name: (before, after).
    lists : int
        Lists that were drawn under both.
    changed : mapping
        The lists that would differ, by learner: (before, after), as resource ids in order.
    """

    settings: Mapping[str, tuple[object, object]]
    lists: int
    changed: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]

    @property
    def share(self) -> float:
        """Share of the lists that would change, 0 without any."""
        return len(self.changed) / self.lists if self.lists else 0.0

    def to_dict(self) -> dict[str, object]:
        """Return the figures by name."""
        return asdict(self) | {"share": self.share}


def version_in_force(workspace: Workspace) -> PolicyVersion:
    """Return the version that decides now."""
    with workspace.store.read() as connection:
        return workspace.champion(connection).fitted.version


def version_history(workspace: Workspace) -> list[SavedVersion]:
    """Return the versions that were put in force by somebody, the oldest first."""
    with workspace.store.read() as connection:
        return _history(connection)


def earlier_version(workspace: Workspace, version_id: str) -> PolicyVersion | None:
    """Return a version that was put in force before, so that it can be put back; None when none of it was."""
    return next((one.version for one in version_history(workspace) if one.version.id == version_id), None)


def put_in_force(
    workspace: Workspace, version: PolicyVersion, *, by: str, now: datetime, reason: str = ""
) -> None:
    """Let a version decide from now on, also after the next fit; the one before stays in the history.

    `by` is kept as given: a role or a pseudonym, not a name.
    """
    with workspace.store.read() as connection:
        was = workspace.champion(connection).fitted
        fit_before = current_fit(connection) or ""
    with workspace.store.write() as connection:
        note_version(connection, version, now, lambda _: was.version, by=by, reason=reason)
    workspace.promote(was.deciding_by(version))
    with workspace.store.write() as connection:
        carry_over(connection, fit_before, to=current_fit(connection) or "")
        workspace.store.forget()


def version_diff(
    workspace: Workspace,
    before: PolicyVersion,
    after: PolicyVersion,
    *,
    now: datetime,
    week: str = "",
    k: int = 10,
    minutes: float | None = None,
    learners: Sequence[str] | None = None,
) -> VersionDiff:
    """Return what `after` would change in the week's lists, drawn as they would be, with nothing stored.

    Parameters
    ----------
    now : datetime
        When lists are drawn; the weekly batch draws at a week's first moment (`start_of`).
    week : str
        ISO week whose draws are made; default: that of `now`.
    k, minutes
        Shape of a list, as in the weekly batch.
    learners : sequence of str, optional
        By the LMS's ids; default: everybody in the store, by surrogate.
    """
    drawn_for = near(week, now) if week else week_of(now, workspace.time_zone)
    with workspace.store.read() as connection:
        champion = workspace.champion(connection)
        sums = load_sums(connection)
        since = counted_since(connection, current_fit(connection) or "", champion.fitted)
        people = _people(connection, workspace, learners)
        questions = []
        for person in people.values():
            request = Request(person.surrogate, now, k=k, minutes=minutes)
            draw = Draw(workspace.configuration.seed, request.mode, drawn_for, person.number)
            questions.append(Question(request, person, draw, "weekly"))
        drawn = []
        known, _ = states.current(
            connection, [p.number for p in people.values() if not p.opted_out], champion.fold
        )
        questions = with_acts(connection, champion, questions, keyring=workspace.keyring)
        for version in (before, after):
            rival = Champion.of(champion.fitted.deciding_by(version), sums, since=since)
            drawn.append([_resources(e) for e in answer(rival, questions, known, looked_at=False)])
    changed = {who: (one, two) for who, one, two in zip(people, *drawn, strict=True) if one != two}
    return VersionDiff(before.changes(after), len(people), changed)


def _resources(entry: Entry) -> tuple[str, ...]:
    steps = entry.playlist.steps
    columns = steps.columns() if isinstance(steps, DrawnSteps) else None
    return tuple(step.resource for step in steps) if columns is None else tuple(columns.resource)


def _people(
    connection: Connection, workspace: Workspace, learners: Sequence[str] | None
) -> dict[str, Learner]:
    if learners is not None:
        return dict(find_learners(connection, workspace.keyring, learners))
    return {person.surrogate: person for person in every_learner(connection)}


def _history(connection: Connection) -> list[SavedVersion]:
    body = get_document(connection, HISTORY)
    return [
        SavedVersion(
            version=policy_from(one["version"], own=True),
            time=datetime.fromisoformat(one["time"]),
            by=one["by"],
            reason=one["reason"],
        )
        for one in json.loads(body or b"[]")
    ]
