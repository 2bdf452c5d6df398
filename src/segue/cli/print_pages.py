"""`segue print`: a week's playlists as one page a learner, a file a class, for paper or offline use."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

STYLE = """
body { font: 12pt/1.45 system-ui, sans-serif; margin: 2cm auto; max-width: 17cm; color: #1a1a1a }
section { break-after: page } h1 { font-size: 17pt; margin: 0 0 .1cm } p { margin: 0 0 .5cm; color: #555 }
ol { padding-left: 0; list-style: none } li { margin: 0 0 .35cm; padding-left: 1cm; text-indent: -1cm }
li::before { content: "☐"; display: inline-block; width: 1cm; text-indent: 0 } small { color: #555 }
"""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("print")(print_)


def print_(
    out: Annotated[Path, typer.Argument(help="Output folder of `segue weekly --roster`.")],
    *,
    roster: Annotated[Path, typer.Option(help="CSV with columns learner, class and, if wanted, name.")],
) -> None:
    """Write one HTML file a class, a page a learner; each is one file that needs nothing from outside."""
    import pandas as pd

    from segue.features.events.file_readers import EVENT_ALIASES
    from segue.features.events.table_files import read_table

    table = pd.read_csv(out / "playlists.csv", dtype={"learner": "str"})
    people = read_table(roster, {}, aliases=EVENT_ALIASES).frame
    if not {"learner", "class_id"} <= set(people.columns):
        raise ValueError(f"{roster} needs the columns learner and class")
    folder = out / "print"
    folder.mkdir(exist_ok=True)
    for number, (name, members) in enumerate(people.groupby("class_id", sort=True)):
        text = class_page(str(name), _pages(members, table))
        (folder / f"class-{number + 1:03d}.html").write_text(text, encoding="utf-8")
        typer.echo(f"{folder / f'class-{number + 1:03d}.html'}: {name}, {len(members)} learners")


def class_page(name: str, pages: Iterable[str]) -> str:
    """Return the file of a class."""
    head = f'<meta charset="utf-8"><title>{escape(name)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(pages)}</body></html>'


def learner_page(who: str, week: str, rows: Iterable[tuple[str, float, str]]) -> str:
    """Return the page of a learner: what to do this week, in order, to be ticked off.

    >>> learner_page("<b>", "2026-W48", [])
    '<section><h1>&lt;b&gt;</h1><p>2026-W48</p><ol></ol></section>'
    """
    items = [
        f"<li>{escape(title)} <small>{minutes:g} min<br>{escape(why)}</small></li>"
        for title, minutes, why in rows
    ]
    return f"<section><h1>{escape(who)}</h1><p>{escape(week)}</p><ol>{''.join(items)}</ol></section>"


def _pages(members: pd.DataFrame, table: pd.DataFrame) -> Iterable[str]:
    by_learner = dict(iter(table.groupby("learner", sort=False)))
    for row in members.to_dict("records"):
        mine = by_learner.get(str(row["learner"]))
        if mine is not None:
            titles = mine["title"].fillna(mine["resource"]).tolist()
            week, who = str(mine["week"].iloc[0]), str(row.get("name") or row["learner"])
            yield learner_page(who, week, zip(titles, mine["minutes"], mine["why"], strict=True))
