"""The pages of an LTI launch: plain HTML that reads well aloud, loads nothing, and runs no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from segue.features.catalogue import Catalogue
from segue.service.http.plain_page import page
from segue.workspace.published_playlists import Published
from segue.workspace.reports.class_report import SkillOfClass


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


def class_page(rows: Sequence[SkillOfClass], n_learners: int, *, told: bool = True) -> str:
    """Return where a class stands and who is stuck, the hardest skills first.

    `told` is False when the LMS did not say who is in the class.
    """
    if not told:
        return page(
            "Your class",
            "<p>Your learning platform did not send the list of learners just now. "
            "Nothing is lost: open this page again in a minute.</p>",
        )
    if not n_learners:
        return page("Your class", "<p>The course's list of learners is empty, or was not shared.</p>")
    body = "".join(
        f"<tr><th scope=row>{escape(row.statement or row.skill)}</th><td>{_share(row.mean_chance)}</td>"
        f"<td>{row.tried}</td><td>{escape(', '.join(row.stuck)) or '–'}</td></tr>"
        for row in rows
    )
    head = "<tr><th scope=col>Skill<th scope=col>Chance of success<th scope=col>Tried<th scope=col>Stuck</tr>"
    return page("Your class", f"<p>{n_learners} learners.</p><table>{head}{body}</table>")


def family_page(lists: Mapping[str, Published], catalogue: Catalogue) -> str:
    """Return the lists of a parent's children, to read; opening it makes no list and grades nothing."""
    if not lists:
        return page("This week", "<p>There is no list for your child this week yet.</p>")
    parts = [
        f"<h2>{escape(child)}</h2><ol>{''.join(_step(r, found, catalogue) for r in found.resources)}</ol>"
        for child, found in lists.items()
    ]
    return page("This week", "".join(parts))


def nothing_page() -> str:
    """Return what somebody reads who is neither learner, teacher nor parent of the course."""
    return page(
        "Nothing for you here",
        "<p>This page shows learners their list and teachers their class. In this course you are neither, "
        "so there is nothing to see, and nothing about you is kept.</p>",
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
