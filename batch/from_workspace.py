"""The weekly batch: a playlist for every learner, in blocks, by as many processes as there are.

Blocks of learners are fixed, so neither the number of workers nor a split over machines changes a byte. A
block's decisions are in the store before its file gets its name; a block whose file is there whole is done,
so that a run that was cut off goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pyarrow.parquet as pq

from segue.batch.course_shares import lists
from segue.batch.parts import output
from segue.batch.parts import worker_pool as pool
from segue.batch.parts.learner_blocks import Block, Named, blocks_of, cut, done_in, grown, one_of
from segue.batch.plan import Share, WeeklyPlan
from segue.batch.playlist_table import table_of, write_csv
from segue.workspace.playlists.answering import Question, answer, with_acts
from segue.workspace.playlists.learner_standing import standings_in
from segue.workspace.practices.work_pace import factors_of
from segue.workspace.records import learner_states as states
from segue.workspace.records.decision_log import Draw, Entry, Rows, cells_of, log, rows_of, without_erased
from segue.workspace.records.learners import add_learners, every_learner
from segue.workspace.records.overrides import standing_for
from segue.workspace.records.practices.manners import fixed_for, fixed_manners
from segue.workspace.records.rosters.enrolments import courses_of, no_students
from segue.workspace.sources.catalogues import CatalogueSource
from segue.workspace.sources.model_registry import Champion, Library, current_fit
from segue.workspace.storage.configuration import open_store, read_configuration
from segue.workspace.storage.database import Connection, Store
from segue.workspace.storage.pseudonyms import Keyring
from segue.workspace.workspace import Workspace

BLOCK = 64  # learners decided together
FOLD_BLOCK = 256  # learners folded by one task
COURSES_OR_ARMS = "lists by course cannot be drawn as an experiment's arms decide: use one of both"
Tick = Callable[[int, int], object]  # so many done since it was told last, of so many in all


class Deciding(Protocol):
    """Who decides for whom, where it is not the model in charge for everybody; goes to the workers."""

    @property
    def named(self) -> str:
        """What tells this from another."""

    def entries(
        self,
        connection: Connection,
        champion: Champion,
        questions: Sequence[Question],
        known: Mapping[int, states.Kept],
        *,
        keyring: Keyring | None,
    ) -> list[Entry]:
        """Return the lists of some learners, in any order; somebody may get none."""


class ModelChangedError(RuntimeError):
    """Another model was put in charge while lists were drawn; drawn again, they are all of it."""


@dataclass(frozen=True)
class BatchReport:
    """What a run did; `model` is the fit that was in charge ("": none)."""

    model: str
    learners: int
    blocks: int
    skipped: int
    complete: bool


def weekly(
    workspace: Workspace,
    plan: WeeklyPlan,
    out: Path,
    *,
    roster: Sequence[str] | None = None,
    classes: Mapping[str, Sequence[str]] | None = None,
    share: Share | None = None,
    deciding: Deciding | None = None,
    stand: bool = False,
    workers: int | None = None,
    runner: pool.Runner = pool.run,
    tick: Tick = lambda _, __: None,
    begin: Callable[[str], object] = lambda _: None,
) -> BatchReport:
    """Write playlists for a week to `out`: a Parquet dataset ``playlists/`` and one ``playlists.csv``.

    What another plan, model or roster left in `out` moves to ``earlier/``; with `stand`, it stays and only
    who is not among its learners is drawn for.

    Parameters
    ----------
    roster : sequence of str, optional
        Learners by the LMS's ids, which then stand in the output; without it all learners of the store, by
        their surrogates, but those whose enrolments have all ended before the week or begin after it.
    classes : mapping, optional
        The classes of each learner of the roster: of `plan.courses`, these are what the learner takes. Who
        takes none gets one list, from what is for all and what belongs to one of the classes (those of the
        store where none are given, see ``courses_of``).
    share : Share, optional
        The part of the blocks that this machine does; the CSV appears when all of them are there.
    deciding : Deciding, optional
        Who decides for whom, as in an experiment; it does not go with courses.
    stand : bool
        Whether the lists in `out` stay, whatever they were drawn by, where they are those of the learners
        asked for, or of some of these (without a roster also of others): the rest get theirs beside them.
    workers : int, optional
        Processes; by default one for few learners, and one a core for many.
    runner : callable
        What runs tasks: `run` or `with_dask` of ``segue.batch.parts.worker_pool``.
    tick : callable
        Told how many learners have been finished since it was told last, and how many there are in all: first
        of those whose new events are folded, if any, then of those who get lists.
    begin : callable
        Told "states" or "weekly" as the one or the other begins.

    Raises
    ------
    BusyError
        When another run writes the same part of `out`.
    OutputError
        When `out` is a file, or holds playlists of unknown origin, or another run takes it over.
    ModelChangedError
        When another model is put in charge while the lists are drawn.
    ValueError
        When there are courses and somebody else who decides.
    """
    share = share or Share()
    if deciding is not None and plan.courses:
        raise ValueError(COURSES_OR_ARMS)
    people = _people(workspace, roster, plan)
    taken, courses = _taken(classes or {}, plan), _courses(workspace, people, classes, plan)
    in_blocks = partial(blocks_of, out / output.PARTS, taken, courses)
    with output.at_work(out, share.index):
        standing = grown(out, people, in_blocks, size=BLOCK, whole=roster is not None) if stand else None
        blocks = standing[0] if standing else in_blocks(cut(people, BLOCK))
        if plan.paced:
            plan = replace(plan, paces=_paces(workspace, people, plan))
        with workspace.store.read() as connection:
            fit = current_fit(connection) or ""
            if standing:
                mine = standing[1]
                output.write_record(out / output.MANIFEST, mine)
            else:
                mine = output.claim(out, plan.week, _manifest(connection, workspace, plan, blocks, deciding))
        (out / output.PARTS).mkdir(exist_ok=True)
        workers = pool.sensible(len(people), workers)
        with workspace.store.read() as connection:
            done = done_in(connection, blocks)
        todo = {b.number: b for b in blocks if share.has(b.number) and b.number not in done}
        own = sum(share.has(b.number) for b in blocks)
        numbers = [p.number for b in todo.values() for p in b.people]
        begin("states")
        bring_up(workspace, numbers, workers=workers, runner=runner, tick=tick)
        begin("weekly")
        tick(0, len(numbers))
        here = (_Place.of(workspace), plan, deciding)
        for number, rows in runner(_decide_block, todo, workers=workers, prepare=_prepare, arguments=here):
            with workspace.store.write() as connection:
                if (current_fit(connection) or "") != fit:
                    raise ModelChangedError("another model was put in charge meanwhile: run the same again")
                output.refuse_if_taken(out, mine)
                log(connection, without_erased(connection, rows))
            block = todo[number]
            output.seal(output.draft_of(block.path), block.path, list=one_of(rows, block))
            tick(len(block.people), len(numbers))
        complete = _tabled(out / output.TABLE, blocks, anew=bool(todo))
        learners = sum(len(part["learners"].split()) for part in mine["parts"])
        return BatchReport(fit, learners, len(todo), own - len(todo), complete)


def _tabled(table: Path, blocks: Sequence[Block], *, anew: bool) -> bool:
    """Write the table of all blocks where it is due, and return whether all of them are there."""
    if any(output.sealed(block.path) is None for block in blocks):
        return False
    whole = output.sealed(table)
    if anew or whole is None or whole.get("parts") != len(blocks):
        write_csv([block.path for block in blocks], output.draft_of(table))
        output.seal(output.draft_of(table), table, parts=len(blocks))
    return True


def bring_up(
    workspace: Workspace,
    numbers: Sequence[int],
    *,
    workers: int,
    runner: pool.Runner = pool.run,
    tick: Tick = lambda _, __: None,
) -> int:
    """Fold the events that stored states lack, in parallel; return how many learners had some."""
    with workspace.store.read() as connection:
        fold = workspace.champion(connection).fold
        behind = sorted(set(states.stale(connection, fold)) & set(numbers))
    tasks = {i: behind[i : i + FOLD_BLOCK] for i in range(0, len(behind), FOLD_BLOCK)}
    here = (_Place.of(workspace), None)
    for number, columns in runner(_fold_block, tasks, workers=workers, prepare=_prepare, arguments=here):
        with workspace.store.write() as connection:
            states.save_columns(connection, columns)
        tick(len(tasks[number]), len(behind))
    return len(behind)


def _people(workspace: Workspace, roster: Sequence[str] | None, plan: WeeklyPlan) -> list[Named]:
    """Return learners and what they are called in the output, by number; erased ones are left out.

    Without a roster file, who stands on stored rosters and is no student on any is left out too.
    """
    if roster is None:
        with workspace.store.read() as connection:
            gone = no_students(connection, plan.now, plan.last)
            everybody = every_learner(connection)
        return [(learner, learner.surrogate) for learner in everybody if learner.number not in gone]
    with workspace.store.write() as connection:
        found = add_learners(connection, workspace.keyring, list(dict.fromkeys(roster)))
    return sorted(((learner, source) for source, learner in found.items()), key=lambda pair: pair[0].number)


def _paces(workspace: Workspace, people: Sequence[Named], plan: WeeklyPlan) -> dict[str, float]:
    """Return how many times the catalogue's minutes each learner takes, from the attempts before the week."""
    inside = [person for person, _ in people if not person.opted_out]
    factors, _ = factors_of(workspace, inside, now=plan.now)
    return {person.surrogate: round(float(f), 3) for person, f in zip(inside, factors, strict=True)}


def _taken(classes: Mapping[str, Sequence[str]], plan: WeeklyPlan) -> dict[str, tuple[int, ...]]:
    """Return the places, in the plan's courses, of those that each learner takes."""
    place = {course.class_id: i for i, course in enumerate(plan.courses)}
    return {who: tuple(sorted({place[c] for c in mine if c in place})) for who, mine in classes.items()}


def _courses(
    workspace: Workspace,
    people: Sequence[Named],
    classes: Mapping[str, Sequence[str]] | None,
    plan: WeeklyPlan,
) -> dict[int, tuple[str, ...]]:
    """Return the courses of each learner of whom they are known: by the roster given, else by the store."""
    with workspace.store.read() as connection:
        courses = set(workspace.catalogue_in(connection).courses)
        if not courses:
            return {}
        said = {p.number: {c for c in (classes or {}).get(name, ()) if c} for p, name in people}
        others = [number for number, mine in said.items() if not mine]
        found = dict(courses_of(connection, workspace.keyring, courses, others, at=plan.now, by=plan.last))
    return found | {number: tuple(sorted(mine & courses)) for number, mine in said.items() if mine}


def _manifest(
    connection: Connection,
    workspace: Workspace,
    plan: WeeklyPlan,
    blocks: Sequence[Block],
    deciding: Deciding | None,
) -> dict[str, Any]:
    model = workspace.champion(connection).recommender.model_hash
    fixed = fixed_manners(connection)
    said = {**plan.named(), "model": model, "parts": [block.said for block in blocks]}
    if deciding is not None:
        said |= {"deciding": deciding.named}
    if fixed:
        said["manners"] = hashlib.blake2b(repr(sorted(fixed.items())).encode(), digest_size=8).hexdigest()
    plain: dict[str, Any] = json.loads(json.dumps(said))
    return plain


# ---------------------------------------------------------------- in a worker


class _Place:
    """A workspace as a worker needs it, without its key: the one open here, or opened where it arrives."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store: Store | None = None
        self.champion: Callable[[Connection], Champion]

    @classmethod
    def of(cls, workspace: Workspace) -> _Place:
        """Return the place of a workspace, its model in memory."""
        place = cls(workspace.path.resolve())
        place.store, place.champion = workspace.store, workspace.champion
        return place

    def __reduce__(self) -> tuple[type[_Place], tuple[Path]]:
        return _Place, (self.path,)

    def __repr__(self) -> str:
        return f"_Place({str(self.path)!r})"

    def open(self) -> Callable[[], None]:
        """Open it where it is not open yet; return what closes it again."""
        if self.store is not None:
            return lambda: None
        self.store = open_store(self.path, read_configuration(self.path), Store)
        library, catalogue = Library(self.path / "models"), CatalogueSource(self.path)
        self.champion = lambda connection: library.champion(connection, catalogue)
        return self.store.close

    def read(self) -> AbstractContextManager[Connection]:
        """Return a connection that sees one moment."""
        assert self.store is not None, "opened before it is read"
        return self.store.read()


class _Worker:
    """What a worker holds: the workspace, the plan, who decides."""

    place: _Place
    plan: WeeklyPlan | None
    deciding: Deciding | None


_here = _Worker()  # one a process, set by `_prepare`


def _prepare(place: _Place, plan: WeeklyPlan | None, deciding: Deciding | None = None) -> Callable[[], None]:
    _here.place, _here.plan, _here.deciding = place, plan, deciding
    return place.open()


def _fold_block(numbers: Sequence[int]) -> dict[str, list[Any]]:
    with _here.place.read() as connection:
        fold = _here.place.champion(connection).fold
        return states.columns_of(states.current(connection, numbers, fold)[1], fold)


def _decide_block(block: Block) -> Rows:
    """Decide for a block, write its file under a draft's name, and return what is to be logged."""
    assert _here.plan is not None
    with _here.place.read() as connection:
        champion = _here.place.champion(connection)
        entries = list(_entries(connection, champion, block, _here.plan, _here.deciding))
    cells = cells_of(entries)
    names = {person.number: name for person, name in zip(block.people, block.names, strict=True)}
    courses = [course.class_id for course in _here.plan.courses]
    table = table_of(entries, cells, champion.recommender.catalogue, names=names, courses=courses)
    pq.write_table(table, output.draft_of(block.path))
    return rows_of(entries, cells=cells)


def _entries(
    connection: Connection, champion: Champion, block: Block, plan: WeeklyPlan, deciding: Deciding | None
) -> Iterator[Entry]:
    """Yield the lists of a block: one a learner, or one a course for those who take some."""
    known, _ = states.current(connection, [p.number for p in block.people if not p.opted_out], champion.fold)
    takes = list(zip(block.people, block.taken, strict=True))
    questions = [
        Question(
            plan.request(person.surrogate, courses=courses),
            person,
            Draw(plan.seed, "playlist", plan.week, person.number),
            "weekly",
        )
        for (person, taken), courses in zip(takes, block.courses, strict=True)
        if not taken
    ]
    if deciding is not None:
        yield from deciding.entries(connection, champion, questions, known, keyring=None)
        return
    yield from answer(
        champion, with_acts(connection, champion, questions, keyring=None), known, looked_at=False
    )
    if some := [(person, mine) for person, mine in takes if mine]:
        people, taken = zip(*some, strict=True)
        at, numbers = round(plan.now.timestamp() * 1e6), {p.number for p in people}
        held = standing_for(connection, numbers, at)
        said = standings_in(connection, numbers, champion.recommender.catalogue)
        manners = fixed_for(connection, champion.fixed, numbers, now=plan.now)
        yield from lists(
            champion, people, known, plan=plan, taken=taken, held=held, said=said, manners=manners
        )
