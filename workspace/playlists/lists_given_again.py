"""Lists that stand already, given again as long as nothing in them has closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from segue.engine.requests.request import Request
from segue.features.catalogue import Catalogue
from segue.workspace.playlists.answering import Given, Question, under_name
from segue.workspace.playlists.published_playlists import logged_playlist, logged_step
from segue.workspace.playlists.step_standing import Held, held_at, insisted
from segue.workspace.records.decision_log import is_step_of
from segue.workspace.records.decision_queries import drawn_for, heads_of, set_received, steps_of
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
    same moment, it is the same. The last one drawn for a question, if a teacher has acted on it, stands
    whatever the catalogue has become.
    """
    newest = [_newest(connection, question, fresh=fresh) for question in questions]
    names = [question.name for question in newest if question.name and not question.learner.opted_out]
    heads = heads_of(connection, names) if names else {}
    found: dict[str, Given] = {}
    asked = []
    for question, here in zip(questions, newest, strict=True):
        while here.name in heads and here.name not in found:
            state = known[here.learner.number].state
            request = replace(here.request, learner=here.learner.surrogate, state=state)
            given = given_again(connection, heads[here.name], catalogue, request, quiet=here.quiet)
            if isinstance(given, Given):
                found[here.name] = given
                continue
            stood = here.name != question.name and _has_act(question, here.name)
            here = question if stood else under_name(here, here.name, but=sorted(given))  # noqa: PLW2901
            heads |= heads_of(connection, [here.name])
        asked.append(here)
    return asked, found


def _newest(connection: Connection, question: Question, *, fresh: bool) -> Question:
    """Return a question with the name of the list drawn last for it, or of the `fresh` one to be drawn."""
    if not question.name or question.learner.opted_out:
        return question
    if fresh:
        return _anew(question, round(question.request.now.timestamp() * 1e6))
    drawn = drawn_for(connection, question.learner.number, question.name)
    last = drawn[0][0] if drawn else question.name
    if last == question.name:
        return question
    if _has_act(question, last):
        return under_name(question, last)
    same = (there for name, time in drawn if (there := _anew(question, time)).name == name)
    return next(same, question)


def _has_act(question: Question, name: str) -> bool:
    """Return whether a teacher has acted on a step of the list of a name, for the learner of a question."""
    return any(is_step_of(act, name) for act in question.acted_on)


def _anew(question: Question, microseconds: int) -> Question:
    """Return a question with the name of the list that is drawn anew for it at a moment."""
    return under_name(question, question.name, but=f"{ANEW} {microseconds}")


def given_again(
    connection: Connection, head: Row, catalogue: Catalogue, request: Request, *, quiet: bool
) -> Given | list[str]:
    """Return a stored list as it stands, within a write, or what in it is closed to its learner by now.

    Closed is what was retired, what is not open at this time, and what a teacher took out of another list.
    A list that a teacher took a step out of stands without it, and one that a teacher has acted on stands
    without what is closed, as long as a step is left. `quiet` as in a ``Question``.
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
            continue
        logged = logged_step(row)
        steps.append(logged if held.resource == row.resource else replace(logged, resource=held.resource))
        ids.append(row.decision_id)
    if closed and not (steps and _acted_on(rows, head)):
        return closed
    if head.undelivered:
        set_received(connection, head.playlist_id, received=True)
    playlist = replace(logged_playlist(head, (), request.learner), steps=tuple(steps))
    return Given(head.playlist_id, tuple(ids), playlist, request, new=False)


def _acted_on(rows: ListRows, head: Row) -> bool:
    steps = rows.steps.get(head.playlist_id, ())
    return any(act.undone is None for row in steps for act in rows.acts.get(row.decision_id, ()))


def _quiet_rows(connection: Connection, head: Row) -> ListRows | None:
    """Return the rows of a list that nobody has said anything about; None where its menus were tried."""
    steps = steps_of(connection, head.playlist_id)
    if any(row.menu != "{}" for row in steps):
        return None
    return ListRows([head], {head.playlist_id: steps}, {}, {}, retired_in(connection))
