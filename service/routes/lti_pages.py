"""The pages of an LTI launch: plain HTML that reads well aloud, loads nothing, and runs no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from segue.features.catalogue import Catalogue
from segue.workspace.class_report import SkillOfClass
from segue.workspace.published_playlists import Published

STYLE = """
body { font: 1.05rem/1.6 system-ui, sans-serif; color: #1f2933; background: #fff; max-width: 44rem }
body { margin: 2rem auto; padding: 0 1rem } h1 { font-size: 1.4rem } li { margin: .9rem 0 }
a { color: #1d5fa8 } .quiet { color: #52606d } .done { color: #2f6b4f; font-weight: 600 }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35rem .6rem }
td, th { border-bottom: 1px solid #e4e7eb }
"""


def page(title: str, body: str) -> str:
    """Return a whole page."""
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    return (
        f'<!doctype html><html lang="en"><head>{head}<title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def playlist_page(found: Published, catalogue: Catalogue) -> str:
    """Return a learner's playlist: what, how long, and what each step is for."""
    items = "".join(_step(resource, found, catalogue) for resource in found.resources)
    count = f"{len(found.done)} of {len(found.resources)} steps done."
    return page("What to do next", f'<p class="quiet">{count}</p><ol>{items}</ol>')


def _step(resource_id: str, found: Published, catalogue: Catalogue) -> str:
    resource = catalogue.resources[catalogue.resource_index[resource_id]]
    title = escape(resource.title or resource_id)
    if resource.url.startswith(("https://", "http://")):
        title = f'<a href="{escape(resource.url, quote=True)}" target="_blank" rel="noopener">{title}</a>'
    aims = [catalogue.skills[catalogue.skill_index[skill]].i_can for skill in resource.skills]
    aim = escape(" ".join(text for text in aims if text))
    done = ' <span class="done">Done</span>' if resource_id in found.done else ""
    facts = f'<span class="quiet">{escape(resource.kind)}, {resource.minutes:.0f} minutes</span>'
    return f"<li>{title}{done}<br>{facts}" + (f"<br>{aim}" if aim else "") + "</li>"


def class_page(rows: Sequence[SkillOfClass], n_learners: int) -> str:
    """Return where a class stands and who is stuck, the hardest skills first."""
    if not n_learners:
        return page("Your class", "<p>The course's list of learners is empty, or was not shared.</p>")
    body = "".join(
        f"<tr><th scope=row>{escape(row.statement or row.skill)}</th><td>{_share(row.mean_chance)}</td>"
        f"<td>{row.tried}</td><td>{escape(', '.join(row.stuck)) or '–'}</td></tr>"
        for row in rows
    )
    head = "<tr><th scope=col>Skill<th scope=col>Chance of success<th scope=col>Tried<th scope=col>Stuck</tr>"
    return page("Your class", f"<p>{n_learners} learners.</p><table>{head}{body}</table>")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
