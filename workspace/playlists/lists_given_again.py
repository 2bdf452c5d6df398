"""Lists that stand already, given again as long as nothing in them has closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from segue.engine.requests.request import Request
from segue.features.catalogue import Catalogue
from segue.workspace.playlists.answering import Given, Question, under_name
from segue.workspace.playlists.published_playlists import logged_playlist, logged_step
from segue.workspace.playlists.step_standing import Held, held_at, insisted
from segue.workspace.records.decision_queries import drawn_from, heads_of, set_received, steps_of
from segue.workspace.records.learner_states import Kept
from segue.workspace.records.list_rows import ListRows, list_rows, retired_in
from segue.workspace.storage.database import Connection, Row

ANEW = "anew"  # what a list drawn in place of another is named by


def standing_again(
    connection: Connection,
    questions: Sequence[Question],
    known: Mapping[int, Kept],
    catalogue: Catalogue,
    *,
    fresh: bool,
) -> tuple[list[Question], dict[str, Given]]:
    """Return the lists that stand already, by name, as they are now, and the questions.

    Where something in a list has closed meanwhile, the question gets another name, for a list without it; and
    where a `fresh` one is asked for, which then stands in place of the one before. Asked for again as of the
    same moment, it is the same.
    """
    newest = [_newest(connection, q, known, fresh=fresh) for q in questions]
    names = [question.name for question in newest if question.name and not question.learner.opted_out]
    heads = heads_of(connection, names) if names else {}
    found: dict[str, Given] = {}
    asked = []
    for question in newest:
        here = question
        while here.name in heads and here.name not in found:
            state = known[here.learner.number].state
            request = replace(here.request, learner=here.learner.surrogate, state=state)
            given = given_again(connection, heads[here.name], catalogue, request, quiet=here.quiet)
            if isinstance(given, Given):
                found[here.name] = given
            else:
                here = under_name(here, here.name, but=sorted(given))
                heads |= heads_of(connection, [here.name])
        asked.append(here)
    return asked, found


def _newest(
    connection: Connection, question: Question, known: Mapping[int, Kept], *, fresh: bool
) -> Question:
    """Return a question with the name of the list drawn last for it, or of the `fresh` one to be drawn."""
    learner = question.learner
    if not question.name or learner.opted_out:
        return question
    if fresh:
        return _anew(question, round(question.request.now.timestamp() * 1e6))
    drawn = drawn_from(connection, learner.number, known[learner.number].upto)
    same = (there for name, time in drawn if (there := _anew(question, time)).name == name)
    return next(same, question)


def _anew(question: Question, microseconds: int) -> Question:
    """Return a question with the name of the list that is drawn anew for it at a moment."""
    return under_name(question, question.name, but=f"{ANEW} {microseconds}")


def given_again(
    connection: Connection, head: Row, catalogue: Catalogue, request: Request, *, quiet: bool
) -> Given | list[str]:
    """Return a stored list as it stands, within a write, or what in it is closed to its learner by now.

    Closed is what was retired, what is not open at this time, and what a teacher took out of another list;
    a list that a teacher took a step out of stands without it. `quiet` as in a ``Question``.
    """
    as_drawn = _quiet_rows(connection, head) if quiet else None
    rows = as_drawn or list_rows(connection, [head.learner], ids=[head.playlist_id])
    steps, ids, now = [], [], request.now.timestamp()
    closed: list[str] = []
    for row in rows.steps.get(head.playlist_id, ()):
        held = Held(row.resource, "open") if as_drawn else held_at(row, rows, head)
        elsewhere = held.act is not None and held.act.decision_id != row.decision_id
        if held.state == "removed" and held.left_out == "teacher" and not elsewhere:
            continue
        gone = elsewhere or held.resource in rows.retired or not catalogue.is_open(held.resource, now)
        if gone and not (held.resource in request.pins and (elsewhere or insisted(row))):
            closed.append(held.resource)
        logged = logged_step(row)
        steps.append(logged if held.resource == row.resource else replace(logged, resource=held.resource))
        ids.append(row.decision_id)
    if closed:
        return closed
    if head.undelivered:
        set_received(connection, head.playlist_id, received=True)
    playlist = replace(logged_playlist(head, (), request.learner), steps=tuple(steps))
    return Given(head.playlist_id, tuple(ids), playlist, request, new=False)


def _quiet_rows(connection: Connection, head: Row) -> ListRows | None:
    """Return the rows of a list that nobody has said anything about; None where its menus were tried."""
    steps = steps_of(connection, head.playlist_id)
    if any(row.menu != "{}" for row in steps):
        return None
    return ListRows([head], {head.playlist_id: steps}, {}, {}, retired_in(connection))
