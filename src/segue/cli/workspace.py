"""Workspace commands: init, import, fit, recommend, learn."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from segue.cli.arguments import AsJson, DrawnWeek, ExactNow, Folder, Learner, Now, exactly, moment, opened
from segue.cli.text_output import tell

if TYPE_CHECKING:
    import pandas as pd

    from segue.engine.recommender import Recommender
    from segue.features.events.file_readers import Source
    from segue.workspace.operations.file_import import FileImport
    from segue.workspace.workspace import Workspace

app = typer.Typer()


@app.command("init")
def init(
    workspace: Folder,
    *,
    time_zone: Annotated[
        str, typer.Option(help="IANA zone: what 'a later day' and 'this week' mean.")
    ] = "UTC",
    database: Annotated[str, typer.Option(help="postgresql://… (default: SQLite in the folder).")] = "",
    durability: Annotated[
        Literal["normal", "full"],
        typer.Option(help="normal survives a killed process, full a power cut as well (slower)."),
    ] = "normal",
    seed: Annotated[str, typer.Option(help="First of the names that key every draw.")] = "segue",
) -> None:
    """Make a workspace: a store for one school or district, and the key that keeps its learners apart.

    Example: segue init school --time-zone Europe/Paris
    """
    from segue.workspace.storage.configuration import Configuration
    from segue.workspace.storage.pseudonyms import VARIABLE, key_path
    from segue.workspace.workspace import Workspace

    configuration = Configuration(database, durability, time_zone, seed)
    Workspace.init(workspace, environment=os.environ, configuration=configuration).close()
    where = VARIABLE if os.environ.get(VARIABLE) else f"{key_path(workspace)} (mode 0600: keep it, and apart)"
    tell(f"workspace {workspace} is ready; its key is in {where}")


@app.command("import")
def import_(
    workspace: Folder,
    *,
    catalogue: Annotated[Path | None, typer.Option(help="Resources, CSV or Parquet.")] = None,
    skills: Annotated[Path | None, typer.Option(help="Skills, with their statements.")] = None,
    prerequisites: Annotated[Path | None, typer.Option(help="Columns prerequisite, skill.")] = None,
    break_cycles: Annotated[bool, typer.Option(help="Leave out what closes a cycle of them.")] = False,
    events: Annotated[list[Path] | None, typer.Option(help="Events; may be repeated.")] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="THEIRS=OURS, or events:THEIRS=OURS; repeatable.")
    ] = None,
    time_zone: Annotated[str, typer.Option(help="Zone of times that carry none.")] = "",
    epoch: Annotated[Literal["", "s", "ms"], typer.Option(help="Unit of numeric times.")] = "",
    order_by: Annotated[str, typer.Option(help="Orders rows without time: a column, or 'line'.")] = "",
    kind: Annotated[str, typer.Option(help="Of rows that say none.")] = "attempt",
    max_score: Annotated[float, typer.Option(help="The highest score.", min=1e-9)] = 1.0,
    strict: Annotated[bool, typer.Option(help="Refuse a file with bad rows whole, and exit 2.")] = False,
    new_learners: Annotated[bool, typer.Option(help="Take learners that no roster names.")] = False,
    learner_claim: Annotated[str, typer.Option(help="OneRoster: users' column with other doors' id.")] = "",
    document: Annotated[str, typer.Option("--format", help="xapi, caliper, openedx, canvas, case, ...")] = "",
) -> None:
    """Read a catalogue and events; bad rows go to a file, with line and reason.

    \b
    Columns in any order, * needed; "," or ";" or tab between cells:
      --catalogue      resource_id*, title, url, skills (a;b), tags (a;b),
                       courses (a;b), difficulty, kind, minutes, language, source,
                       grade_band, offline, available_from, available_until
      --skills         skill_id*, code, statement, i_can
      --prerequisites  prerequisite*, skill*
      --events         learner*, resource*, score* (0 to 1), time, event_id,
                       kind (attempt, view, rating, ...), class_id, completed,
                       decision_id (of playlists.csv: the step that was done)

    \b
    Example:
      segue import school --events log.csv --map student=learner --max-score 100
    """
    from segue.features.events.event_records import Clock
    from segue.features.events.file_readers import Source

    if catalogue is None and not events:
        raise ValueError("nothing to import: give --catalogue, --events, or both")
    space = opened(workspace)
    if document:
        paths = [*([catalogue] if catalogue else []), *(events or [])]
        _import_documents(
            space, paths, document, names=names_of(mapping or []), strict=strict, claim=learner_claim
        )
        return
    tables = (catalogue, skills, prerequisites)
    about = zip(("catalogue", "skills", "prerequisites"), tables, strict=True)
    files = [(kind, path) for kind, path in about if path is not None]
    names = names_by_file(mapping or [], [*files, *(("events", path) for path in events or [])])
    bad = 0
    if catalogue is not None:
        cycles: Literal["break", "refuse"] = "break" if break_cycles else "refuse"
        bad += _import_catalogue(space, (catalogue, *tables[1:]), names, on_cycle=cycles, strict=strict)
    clock = Clock(time_zone or None, epoch or None)
    found = {}
    for path in events or []:
        source = Source(names[path], clock, order_by, kind, max_score)
        read = _import_events(space, path, source, strict=strict, new_learners=new_learners)
        bad += len(read.rejects)
        found[path] = read.doubt, read.events > 0
    if strict and bad:
        raise typer.Exit(2)
    ring(found)


def ring(found: Mapping[Path, tuple[str, bool]]) -> None:
    """End with an alarm where files are in doubt, with a fault where nothing was taken from any; name each.

    `found` says of each file why it is in doubt, "" where it is not, and whether anything was taken.
    """
    doubts = {path: doubt for path, (doubt, _) in found.items() if doubt}
    if doubts and not any(taken for _, taken in found.values()):
        said = (f"not one row of {path} could be read: {doubt}" for path, doubt in doubts.items())
        raise ValueError("; ".join(said))
    for path, doubt in doubts.items():
        tell(f"ALARM import: {path.name}: {doubt}")
    if doubts:
        raise typer.Exit(1)


def names_of(mapping: list[str]) -> dict[str, str]:
    """Return the names that `--map THEIRS=OURS` gives."""
    wrong = [pair for pair in mapping if pair.count("=") != 1]
    if wrong:
        raise ValueError(f"--map must be THEIRS=OURS, as item_id=resource_id, got {wrong[0]}")
    return dict(pair.split("=") for pair in mapping)


def names_by_file(mapping: list[str], files: list[tuple[str, Path]]) -> dict[Path, dict[str, str]]:
    """Return the names that `--map` gives the columns of each file.

    THEIRS=OURS is meant for every file that has the column; KIND:THEIRS=OURS for the files of a kind
    (catalogue, skills, prerequisites, events) or, with its name for KIND, for one.
    """
    from segue.features.events.event_records import RecordsError
    from segue.features.events.table_files import columns_of

    names: dict[Path, dict[str, str]] = {path: {} for _, path in files}
    found = {path: columns_of(path) for path in names} if mapping else {}
    for theirs, ours in names_of(mapping).items():
        place, _, column = theirs.partition(":")
        meant = [path for kind, path in files if column and place in (kind, path.name)]
        name = column if meant else theirs
        having = [path for path in meant or names if name in found[path]]
        if not having:
            lacking = "; ".join(f"{path.name} has {', '.join(found[path])}" for path in meant or names)
            raise RecordsError(f"no column {name!r} to map ({lacking})")
        for path in having:
            names[path][name] = ours
    return names


def _import_documents(
    space: Workspace, paths: list[Path], document: str, *, names: dict[str, str], strict: bool, claim: str
) -> None:
    """Read documents of an LMS; `names` are their ids of resources and ours."""
    from segue.cli.lms import import_document

    mode: Literal["strict", "lenient"] = "strict" if strict else "lenient"
    bad, found = 0, {}
    for path in paths:
        done = import_document(space, path, document, mode, names=names, learner_claim=claim)
        for line in done.said:
            tell(line)
        bad += len(done.reasons)
        found[path] = done.doubt, done.taken > 0 or done.catalogue
    if strict and bad:
        raise typer.Exit(2)
    ring(found)


def _import_catalogue(
    space: Workspace,
    files: tuple[Path, Path | None, Path | None],
    names: Mapping[Path, Mapping[str, str]],
    *,
    on_cycle: Literal["break", "refuse"],
    strict: bool,
) -> int:
    from segue.features.events.file_readers import read_catalogue
    from segue.workspace.records.rosters.enrolments import unknown_courses

    resources, skills, prerequisites = files
    read = read_catalogue(
        resources, skills=skills, prerequisites=prerequisites, names=names, on_cycle=on_cycle
    )
    bad = len(read.rejects)
    if not (strict and bad):
        whole = space.set_catalogue(read.catalogue)
        notes = [
            *whole.notes,
            *(f"prerequisite {a} → {b} closed a cycle: left out" for a, b in whole.broken_edges),
        ]
        edges = len(whole.prerequisites)
        tell(
            f"catalogue: {len(whole.resources)} resources, {len(whole.skills)} skills, {edges} prerequisites"
        )
        with space.store.read() as connection:
            strange = unknown_courses(connection, space.keyring, whole.courses)
        if strange:
            first = f"{strange[0]!r}" + (f" and {len(strange) - 1} more" if len(strange) > 1 else "")
            notes.append(f"courses are classes of rosters and events: {first} is none so far")
        for note in notes:
            tell(f"  note: {note}")
    _report(space, resources, read.rejects, read.dropped, strict=strict)
    return bad


def _import_events(
    space: Workspace, path: Path, source: Source, *, strict: bool, new_learners: bool
) -> FileImport:
    """Store the events of a file, and say what became of its rows."""
    from segue.cli.weekly import BatchProgress
    from segue.workspace.operations.file_import import import_file
    from segue.workspace.records.rosters.unknown_learners import unknown_to

    unknown = None if new_learners else unknown_to(space.store, space.keyring)
    with BatchProgress("rows") as tick:
        read = import_file(
            space,
            path,
            source,
            now=datetime.now(UTC),
            unknown=unknown,
            strict=strict,
            mistyped=True,
            tick=tick,
        )
    bad, done, twice = len(read.rejects), read.done, read.mistyped
    if done is not None:
        more = [f"{done.erased} of erased learners"] if done.erased else []
        more += [f"{done.opted_out} of learners who opted out"] if done.opted_out else []
        parts = [f"{done.added} stored", f"{done.repeats} repeats", *more, f"{bad} rejected"]
        tell(f"{path.name}: {read.rows} rows read, {', '.join(parts)}")
        for note in done.said:
            tell(f"  note: {note}")
        if twice:
            tell(
                f"  note: {len(twice)} new learners are spelled almost like others"
                f" (first: {twice[0]}):\n  the same people? With a roster stored, such rows are set aside"
            )
    _report(space, path, read.rejects, read.dropped, strict=strict)
    return read


def _report(
    space: Workspace, path: Path, rejects: pd.DataFrame, dropped: tuple[str, ...], *, strict: bool
) -> None:
    """Say which columns were not kept, and where the rejects are."""
    if dropped:
        tell(f"  not kept: {len(dropped)} columns that Segue does not need ({', '.join(dropped)})")
    if len(rejects):
        target = space.path / "rejects" / f"{path.name}.rejects.csv"
        target.parent.mkdir(exist_ok=True)
        from segue.features.events.outward_text import csv_frame

        csv_frame(rejects).to_csv(target, index=False)
        first = rejects.iloc[0]
        tell(f"  {len(rejects)} rows rejected, the first at line {first.line}: {first.reason}")
        tell(f"  all of them: {target}")
        if strict:
            tell("  nothing of this file was stored (--strict)", err=True)


@app.command("fit")
def fit(
    workspace: Folder,
    *,
    prior: Annotated[
        str,
        typer.Option(
            help="Another school's workspace, or the folder of a model: this fit and later ones start from "
            "what it knows of histories; 'none': from pedagogy again."
        ),
    ] = "",
    policy: Annotated[
        Path | None,
        typer.Option(help="JSON of a version to decide by from now on (default: the one in force)."),
    ] = None,
    now: ExactNow = "",
) -> None:
    """Fit difficulty, success model and reward model on all events, and put the result in charge.

    Example: segue fit school
    """
    from segue.cli.weekly import BatchProgress
    from segue.engine.policies.policy_version import read_policy

    version = None if policy is None else read_policy(policy)
    other = _other_school(prior) if prior not in ("", "none") else None
    space, at = opened(workspace), exactly(now)
    if not now:
        _trust_the_clock(space, at)
    if prior:
        _start_from(space, other)
    asked, settings = (None, None) if version is None else (version.policy, version.settings)
    with BatchProgress() as bar:
        bar.begin("fit")
        recommender = space.fit(now=at, policy=asked, settings=settings)
    facts = ", ".join(f"{name} {value}" for name, value in recommender.fitted.items())
    tell(f"model {recommender.model_hash} is in charge ({facts})")
    if recommender.fitted["rewards"] == "0" and recommender.fitted["attempts"] != "0":
        tell(
            "  no rewards yet: each is an answer on a later day, so it needs the times of attempts "
            "(a column named time, or --map THEIRS=time) and a skill that came up again"
        )


def _trust_the_clock(space: Workspace, at: datetime) -> None:
    """Refuse to fit by a clock that stands before all that is stored; say how much is left out by it."""
    from segue.workspace.records.events import times_after

    with space.store.read() as connection:
        later, dated = times_after(connection, at)
    if dated and later == dated:
        raise ValueError(
            f"all {dated} events stored are dated after {at:%Y-%m-%d %H:%M} UTC: is the clock right? "
            "What the time was then is said by --now"
        )
    if later:
        tell(f"  note: {later} events are dated after {at:%Y-%m-%d %H:%M} UTC and not read")


def _other_school(prior: str) -> Recommender:
    """Return the model of another school's workspace, or of a folder."""
    from segue.engine.recommender import Recommender
    from segue.workspace.storage.configuration import FILE

    if (Path(prior) / "recommender.json").exists():
        return Recommender.load(Path(prior))
    if not (Path(prior) / FILE).exists():
        raise ValueError(f"--prior must be a workspace, the folder of a model or 'none', got {prior}")
    school = opened(Path(prior))
    with closing(school), school.store.read() as connection:
        return school.champion(connection).recommender


def _start_from(space: Workspace, other: Recommender | None) -> None:
    """Let the fits of a workspace start from another model, and say what it weighs."""
    from segue.models.success_probability import answers_felt

    space.start_from(other)
    if other is None:
        tell("fits start from pedagogy alone")
        return
    few, many = (round(answers_felt(n), -1) for n in (10, 300))
    tell(
        f"fits start from model {other.model_hash}, which weighs as much as {few:,.0f} answers of yours "
        f"with 10 learners, {many:,.0f} with 300"
    )


@app.command("learn")
def learn(workspace: Folder, *, now: Now = "") -> None:
    """Join rewards to the decisions they belong to, and teach the reward model: each reward once.

    Example: segue learn school
    """
    done = opened(workspace).learn(now=moment(now))
    tell(
        f"{done.matured} rewards matured, {done.revised} revised, {done.censored} censored, "
        f"{done.pending} pending (of {done.learners} learners with news)"
    )
    if done.note:
        tell(f"  note: {done.note}")


@app.command("recommend")
def recommend(
    workspace: Folder,
    *,
    learner: Learner,
    k: Annotated[int, typer.Option("-k", help="Steps.", min=1)] = 10,
    mode: Annotated[Literal["next", "playlist", "intervene", "review"], typer.Option()] = "playlist",
    menu: Annotated[int, typer.Option(help="Options at each step.", min=1)] = 1,
    minutes: Annotated[float | None, typer.Option(help="Minutes at hand.", min=1)] = None,
    interest: Annotated[list[str] | None, typer.Option(help="A stated interest; may be repeated.")] = None,
    goal: Annotated[list[str] | None, typer.Option(help="A skill to work towards; may be repeated.")] = None,
    candidate: Annotated[list[str] | None, typer.Option(help="Only these; may be repeated.")] = None,
    pin: Annotated[list[str] | None, typer.Option(help="Put first; may be repeated.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="Leave out; may be repeated.")] = None,
    offline: Annotated[bool, typer.Option(help="Only what works without a connection.")] = False,
    language: Annotated[str, typer.Option(help="Only this language.")] = "",
    week: DrawnWeek = "",
    now: Now = "",
    seed: Annotated[str | None, typer.Option(help="Another seed gives another draw.")] = None,
    request_no: Annotated[int, typer.Option(help="Count up for another draw of the same week.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Decide what this learner should do next, and say why. The decision is stored before it is printed.

    Example: segue recommend school --learner ada -k 5 --minutes 45
    """
    from segue.cli.text_output import playlist_json, playlist_text
    from segue.engine.requests.request import Goal, Place, Request
    from segue.features.iso_weeks import start_of
    from segue.workspace.playlists.answering import Ask

    space = opened(workspace)
    request = Request(
        learner=learner,
        now=start_of(week, space.time_zone) if week and not now else moment(now),
        interests=tuple(interest or ()),
        candidates=tuple(candidate) if candidate else None,
        k=k,
        menu=menu,
        mode=mode,
        minutes=minutes,
        place=Place(offline=offline, language=language),
        goal=Goal(tuple(goal)) if goal else None,
        pins=tuple(pin or ()),
        excluded=tuple(exclude or ()),
    )
    given = space.recommend(request, ask=Ask("cli", week or None, seed, request_no))
    words = space.explain(request, given.playlist)
    if as_json:
        typer.echo(json.dumps(playlist_json(given, learner, words), ensure_ascii=False, indent=1))
    else:
        typer.echo(playlist_text(given.playlist, space.catalogue(), words, title=f"Playlist for {learner}"))
