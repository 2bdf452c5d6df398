"""`segue catalogue`: list resources, add or change one, retire and restore it, settle its skills."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segue.cli.arguments import AsJson, Folder, opened, zoned
from segue.cli.text_output import table, tell

if TYPE_CHECKING:
    from segue.features.catalogue import Resource

Id = Annotated[str, typer.Argument(help="Id of the resource.")]
Label = Annotated[str | None, typer.Option(help="As in the file of `segue import --catalogue`.")]
app = typer.Typer(
    name="catalogue",
    help="Work on the catalogue: what is said of a resource holds from the next list on.",
    no_args_is_help=True,
)


@app.command("list")
def list_(workspace: Folder, *, as_json: AsJson = False) -> None:
    """List the resources in the catalogue's order, retired ones among them.

    Example: segue catalogue list school
    """
    with opened(workspace) as space:
        found = space.listed_resources()
    if as_json:
        typer.echo(json.dumps([_line(resource) for resource in found], ensure_ascii=False))
        return
    states = ("retired" if one.retired else f"{one.kind}, {one.minutes:g} min" for one in found)
    rows = [(one.resource_id, state, one.title) for one, state in zip(found, states, strict=True)]
    typer.echo("\n".join(line[2:] for line in table(rows, keep=1)))


@app.command("set")
def set_(
    workspace: Folder,
    resource: Id,
    *,
    title: Label = None,
    url: Annotated[str | None, typer.Option(help="Its web address.")] = None,
    skill: Annotated[list[str] | None, typer.Option(help="Skill id; may be repeated.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Interest tag; may be repeated.")] = None,
    course: Annotated[list[str] | None, typer.Option(help="Class it is for; may be repeated.")] = None,
    difficulty: Annotated[float | None, typer.Option(help="The catalogue's own label.")] = None,
    kind: Annotated[str | None, typer.Option(help="lesson, video, exercise, game, ...")] = None,
    minutes: Annotated[float | None, typer.Option(help="Expected working time.", min=0.1)] = None,
    language: Annotated[str | None, typer.Option(help="BCP 47 tag, as en.")] = None,
    grade_band: Annotated[str | None, typer.Option(help="As 6-8 or K-2.")] = None,
    available_from: Annotated[str | None, typer.Option(help="ISO 8601 with zone; '' for none.")] = None,
    available_until: Annotated[str | None, typer.Option(help="ISO 8601 with zone; '' for none.")] = None,
    offline: Annotated[bool | None, typer.Option(help="Works without a connection.")] = None,
    content: Label = None,
    process: Label = None,
    product: Label = None,
    source: Annotated[str | None, typer.Option(help="Who made it, or the collection it is from.")] = None,
) -> None:
    """Add a resource, or change what is given of the one of this id; the rest of it stays.

    Example: segue catalogue set school road-rates --skill unit-rates --kind game
    """
    from segue.features.catalogue import Resource

    said: dict[str, Any] = {
        "title": title,
        "url": url,
        "skills": tuple(skill) if skill else None,
        "tags": tuple(tag) if tag else None,
        "courses": tuple(course) if course else None,
        "difficulty": difficulty,
        "kind": kind,
        "minutes": minutes,
        "language": language,
        "grade_band": grade_band,
        "offline": offline,
        "content": content,
        "process": process,
        "product": product,
        "source": source,
    }
    changes = {name: value for name, value in said.items() if value is not None}
    for name, moment in (("available_from", available_from), ("available_until", available_until)):
        if moment is not None:
            changes[name] = _moment(name, moment)
    with opened(workspace) as space:
        known = {one.resource_id for one in space.listed_resources()}
        if resource in known:
            space.change_resource(resource, changes)
        else:
            space.put_resource(Resource(resource, **changes))
    tell(f"{resource} was {'changed' if resource in known else 'added'}")


@app.command("retire")
def retire(workspace: Folder, resource: Id) -> None:
    """Take a resource out of every list, now and later; what was done with it stays, and counts.

    Example: segue catalogue retire school pizza-fairly
    """
    with opened(workspace) as space:
        space.retire_resource(resource)
    tell(f"{resource} is retired")


@app.command("restore")
def restore(workspace: Folder, resource: Id) -> None:
    """Bring a retired resource back.

    Example: segue catalogue restore school pizza-fairly
    """
    with opened(workspace) as space:
        space.restore_resource(resource)
    tell(f"{resource} is back")


@app.command("suggest")
def suggest(
    workspace: Folder,
    framework: Annotated[Path, typer.Option(help="CASE package with the standards.")],
    *,
    cartridge: Annotated[
        Path | None, typer.Option(help="Cartridge whose pages describe the resources.")
    ] = None,
    per_resource: Annotated[int, typer.Option(help="Suggestions for each resource.", min=1)] = 3,
    least: Annotated[float, typer.Option(help="Least similarity.", min=0.0, max=1.0)] = 0.1,
    output: Annotated[Path | None, typer.Option(help="CSV to look through, correct and import.")] = None,
) -> None:
    """Propose standards for resources that have none; a person confirms them, nothing is changed.

    Example: segue catalogue suggest school --framework standards.json
    """
    from segue.lms.catalogues.case import open_framework
    from segue.lms.catalogues.common_cartridge.reader import open_cartridge
    from segue.lms.catalogues.standard_suggestions import suggest as nearest
    from segue.lms.records.source_records import ReadReport

    report = ReadReport()
    skills = open_framework(framework, "lenient", report).skills
    texts = open_cartridge(cartridge, "lenient", report).descriptions if cartridge else {}
    if report.refused:
        raise ValueError(report.reason)
    resources = opened(workspace).catalogue().resources
    table = nearest(resources, skills, descriptions=texts, per_resource=per_resource, least=least)
    from segue.features.events.outward_text import csv_frame

    text = csv_frame(table).to_csv(output, index=False)
    typer.echo(text if output is None else f"{len(table)} suggestions: strike out what is wrong in {output}")


@app.command("confirm")
def confirm(
    workspace: Folder,
    suggestions: Annotated[Path, typer.Argument(help="CSV of `suggest`, with the wrong rows struck out.")],
) -> None:
    """Give resources the skills that a person has looked through.

    Example: segue catalogue confirm school suggestions.csv
    """
    from segue.experiments.evaluation.logs.logged_data import read_texts
    from segue.lms.catalogues.standard_suggestions import confirm as apply

    space = opened(workspace)
    kept = read_texts(suggestions).fillna("")
    if missing := {"resource_id", "skill_id"} - set(kept.columns):
        raise ValueError(f"{suggestions} needs the columns resource_id and skill_id, lacks {sorted(missing)}")
    space.set_catalogue(apply(space.catalogue(), kept))
    tell(f"{kept['resource_id'].nunique()} resources have their skills: run segue fit {workspace}")


def _moment(name: str, said: str) -> object:
    import pandas as pd

    if not said:
        return None
    return pd.Timestamp(zoned(said, f"--{name.replace('_', '-')}"))


def _line(resource: Resource) -> dict[str, Any]:
    from segue.features.catalogue_json import resource_out

    line = resource_out(resource)
    return line | {"difficulty": None if line["difficulty"] != line["difficulty"] else line["difficulty"]}
