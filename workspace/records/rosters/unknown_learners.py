"""Learners that a file names and nobody knows: set aside where there is a roster, else told when mistyped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, select

from segue.features.events.event_records import UnknownLearners
from segue.workspace.records.learners import find_learners
from segue.workspace.storage.database import Store
from segue.workspace.storage.pseudonyms import Keyring
from segue.workspace.storage.schema import enrolments, learners

MOST_LOOKED_UP = 1_000  # a file with more new learners is a new school, not a slip of the pen
SEPARATORS = re.compile(r"[\s._-]+")
ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
ON_NO_ROSTER = "learner is on no roster (--new-learners takes such rows)"
MISTYPED = "learner is on no roster, but one is that is spelled almost the same"
STRANGERS = (ON_NO_ROSTER, MISTYPED)


def unknown_to(store: Store, keyring: Keyring) -> UnknownLearners:
    """Return what says which learners a store does not know, and why their events are set aside.

    With rosters, those whom neither they nor an event have named; where rosters name less than half of those
    who are known (one class's came by a launch, say), nobody. A reason never quotes the learner.
    """

    def unknown(learners: Sequence[str]) -> Mapping[str, str]:
        with store.read() as connection:
            if not _has_rosters(connection):
                return {}
            known = find_learners(connection, keyring, learners)
            new = [learner for learner in learners if learner and learner not in known]
            mistyped = set(mistyped_learners(connection, keyring, new))
        return {learner: MISTYPED if learner in mistyped else ON_NO_ROSTER for learner in new}

    return unknown


def _has_rosters(connection: Connection) -> bool:
    """Return whether rosters name at least half of the learners who are known."""
    placed = connection.execute(select(func.count(enrolments.c.learner.distinct()))).scalar_one()
    known = connection.execute(select(func.count()).select_from(learners)).scalar_one()
    return 0 < placed >= known / 2


def mistyped_learners(connection: Connection, keyring: Keyring, learners: Sequence[str]) -> list[str]:
    """Return new learners who are known, or named beside them, in another spelling.

    Another spelling differs in case, in separators (space, point, dash, underscore) or in leading zeros.
    The store knows digests only: spellings that an id could have are looked up, for at most
    `MOST_LOOKED_UP` new learners.
    """
    known = find_learners(connection, keyring, learners)
    new = [learner for learner in learners if learner not in known]
    first: dict[str, str] = {}
    for learner in (*known, *new):
        first.setdefault(plain(learner), learner)
    if len(new) <= MOST_LOOKED_UP:
        spelled = {learner: spellings(learner) for learner in new}
        found = find_learners(connection, keyring, {form for forms in spelled.values() for form in forms})
    else:
        spelled, found = {}, {}
    return [
        learner
        for learner in new
        if first[plain(learner)] != learner or any(form in found for form in spelled.get(learner, ()))
    ]


def plain(learner: str) -> str:
    """Return an id without case, separators and leading zeros.

    >>> plain(" Pupil_007"), plain("pupil-7")
    ('pupil7', 'pupil7')
    """
    return ZEROS.sub("", SEPARATORS.sub("", learner.casefold()))


def spellings(learner: str) -> set[str]:
    """Return what else an id could have been meant to be, itself left out."""
    parts = [part for part in re.split(r"[\s._-]+|(?<=[^\W\d])(?=\d)", learner) if part]
    joined = {sign.join(parts) for sign in ("", "-", "_", ".", " ")} | {learner.strip()}
    cased = {form for text in joined for form in (text, text.lower(), text.upper(), text.title())}
    return (cased | {ZEROS.sub("", text) for text in cased}) - {learner}
