"""`segue print`: a week's playlists as one page a learner, a file a class, for paper or offline use."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.class_files import rows_in
from segue.cli.text_output import tell

if TYPE_CHECKING:
    import pandas as pd

STYLESHEET = Path(__file__).resolve().parents[1] / "service" / "pages" / "static" / "pages.css"
app = typer.Typer()


@app.command("print")
def print_(
    out: Annotated[Path, typer.Argument(help="Output folder of `segue weekly --roster`.")],
    *,
    roster: Annotated[Path, typer.Option(help="CSV with columns learner, class and, if wanted, name.")],
) -> None:
    """Write one HTML file a class, a page a learner; each is one file that needs nothing from outside.

    Example: segue print out --roster roster.csv
    """
    import pandas as pd

    table = pd.read_csv(out / "playlists.csv", dtype={"learner": "str"})
    people = rows_in(roster, "learner", "class_id")
    folder = out / "print"
    folder.mkdir(exist_ok=True)
    for number, (name, members) in enumerate(people.groupby("class_id", sort=True)):
        text = class_page(str(name), _pages(members, table))
        (folder / f"class-{number + 1:03d}.html").write_text(text, encoding="utf-8")
        tell(f"{folder / f'class-{number + 1:03d}.html'}: {name}, {len(members)} learners")


def class_page(name: str, pages: Iterable[str]) -> str:
    """Return the file of a class, in the style of the pages in a browser."""
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)}</title><style>{STYLESHEET.read_text('utf-8')}</style>"
    )
    body = f"<header><p>{escape(name)}</p></header><main>{''.join(pages)}</main>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>'


def learner_page(who: str, week: str, rows: Iterable[tuple[str, float, str, str]]) -> str:
    """Return the page of a learner: what to do this week, in order, to be ticked off, and where it is.

    >>> learner_page("<b>", "2026-W48", [])[:-10] + "..."
    '<section class="page" aria-label="&lt;b&gt;"><h1>&lt;b&gt;</h1><p>2026-W48</p><ol class="steps"></ol>...'
    """
    items = [
        f"<li><h2>{escape(title)}</h2><p>{minutes:g} min</p><p>{escape(why)}</p>{_address(url)}</li>"
        for title, minutes, why, url in rows
    ]
    heading = f'<section class="page" aria-label="{escape(who)}"><h1>{escape(who)}</h1>'
    return f'{heading}<p>{escape(week)}</p><ol class="steps">{"".join(items)}</ol></section>'


def _address(url: str) -> str:
    """Return the address to type, for what has one."""
    return f"<p>{escape(url)}</p>" if url.startswith(("https://", "http://")) else ""


def _pages(members: pd.DataFrame, table: pd.DataFrame) -> Iterable[str]:
    by_learner = dict(iter(table.groupby("learner", sort=False)))
    for row in members.to_dict("records"):
        mine = by_learner.get(str(row["learner"]))
        if mine is not None:
            titles = mine["title"].fillna(mine["resource"]).tolist()
            week, who = str(mine["week"].iloc[0]), str(row.get("name") or row["learner"])
            urls = mine["url"].fillna("") if "url" in mine else [""] * len(mine)
            yield learner_page(who, week, zip(titles, mine["minutes"], mine["why"], urls, strict=True))
