"""Who is in a class: by the LMS's ids when they are given, else by the roster that is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from segue.workspace.records.learner_states import current
from segue.workspace.records.learners import Learner, add_learners, class_surrogates, find_learners, is_buried
from segue.workspace.records.practices.practice_rows import PracticeKind, PracticeRow
from segue.workspace.records.rosters.enrolments import roster_of
from segue.workspace.storage.database import Connection
from segue.workspace.storage.errors import DeclinedError
from segue.workspace.workspace import Workspace


@dataclass(frozen=True)
class Members:
    """A class within one transaction.

    Attributes
    ----------
    class_id : str
        Inside the store; "" for a class that it does not know yet.
    people : dict
        By what a learner is called outside: the LMS's id, or the surrogate where only the store's roster was
        read. Who is new to the store has a number below 0; who was erased or opted out is left out.
    """

    class_id: str
    people: dict[str, Learner]

    @property
    def names(self) -> list[str]:
        """What the learners are called."""
        return list(self.people)

    @property
    def called(self) -> dict[int, str]:
        """What each learner is called, by number."""
        return {person.number: name for name, person in self.people.items()}

    def row(
        self,
        name: str,
        kind: PracticeKind,
        about: str,
        now: datetime,
        *,
        body: Mapping[str, Any],
        act: str = "",
        by: str = "",
    ) -> PracticeRow:
        """Return one learner's part in something that the class did."""
        return PracticeRow(self.people[name].number, self.class_id, kind, about, act, now, body, by)


def members_of(
    workspace: Workspace,
    connection: Connection,
    class_id: str,
    names: Sequence[str] = (),
    *,
    now: datetime,
    create: bool = False,
) -> Members:
    """Return a class: those named, or without names whoever the stored roster has at `now`.

    Parameters
    ----------
    create : bool
        Within a write: learners and classes new to the store are added.

    Raises
    ------
    DeclinedError
        When nobody is named and the store has no roster of the class.
    """
    keyring = workspace.keyring
    inside = class_surrogates(connection, keyring, [class_id], create=create).get(class_id, "")
    if names:
        found = (
            add_learners(connection, keyring, names) if create else find_learners(connection, keyring, names)
        )
        new = {} if create else {n: Learner(-1 - i, "") for i, n in enumerate(names) if n not in found}
        new = {n: one for n, one in new.items() if not is_buried(connection, keyring.digest("learner", n))}
        people = {n: (found | new)[n] for n in dict.fromkeys(names) if n in found or n in new}
    else:
        people = {one.surrogate: one for one in roster_of(connection, keyring, class_id, at=now)}
    people = {name: one for name, one in people.items() if not one.opted_out}
    if not people:
        message = f"nobody is known in class {class_id!r}: store a roster, or name its learners"
        raise DeclinedError("absent", "no_class", message)
    return Members(inside, people)


def mastery_of(
    workspace: Workspace, connection: Connection, members: Members, *, now: datetime
) -> pd.DataFrame:
    """Return the chance of success on a standard item: a row for each member, a column for each skill."""
    champion = workspace.champion(connection)
    numbers = [one.number for one in members.people.values() if one.number >= 0]
    kept, _ = current(connection, numbers, champion.fold)
    nobody = champion.fold.fresh()
    states = [kept.get(one.number, nobody).state for one in members.people.values()]
    skills = [skill.skill_id for skill in champion.fitted.catalogue.skills]
    return pd.DataFrame(champion.chances(states, now), index=members.names, columns=skills)
