"""`segue catalogue`: list resources, add or change one, retire and restore it, settle its skills."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segue.cli.arguments import AsJson, Folder, opened, zoned
from segue.cli.lms import confirm, suggest
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


def _moment(name: str, said: str) -> object:
    import pandas as pd

    if not said:
        return None
    return pd.Timestamp(zoned(said, f"--{name.replace('_', '-')}"))


def _line(resource: Resource) -> dict[str, Any]:
    from segue.features.catalogue_json import resource_out

    line = resource_out(resource)
    return line | {"difficulty": None if line["difficulty"] != line["difficulty"] else line["difficulty"]}


app.command("suggest")(suggest)
app.command("confirm")(confirm)
