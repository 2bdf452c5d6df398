"""Progress on its way to an LMS's gradebook: told when work was done, never because a page was opened.

A week that runs never lowers the grade: it counts once it makes the share larger, or is over. A step that
could be done and closed undone counts as not done; what a teacher took out, what was retired and what is of a
course that has ended does not count. The score is pending until nothing of the running week is left to do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from segue.features.iso_weeks import week_of
from segue.lms.lti.launch import Launch
from segue.lms.lti.platforms import LtiError
from segue.lms.lti.tool import Tool
from segue.service.http import request_log as logs
from segue.service.tenant.tenant import Tenant
from segue.workspace.playlists.published_playlists import PAGES
from segue.workspace.records.gradebook_links import GradebookLink, keep_links, links_of, weeks_listed
from segue.workspace.records.learners import find_learners
from segue.workspace.workspace import Workspace


@dataclass(frozen=True)
class GradebookProgress:
    """Steps done of steps given; `done` when nothing of the running week's list is left to do."""

    given: int
    of: int
    done: bool


def remember(workspace: Workspace, launch: Launch) -> None:
    """Keep where a learner's progress is to be told, unless the learner opted out; on the tenant's desk."""
    if not launch.score_url:
        return
    with workspace.store.write() as connection:
        person = find_learners(connection, workspace.keyring, [launch.learner]).get(launch.learner)
        if person is None or person.opted_out:
            return
        links = links_of(connection, person.number)
        if launch.score_url not in links:
            new = GradebookLink(launch.platform.issuer, launch.platform.client_id)
            keep_links(connection, person.number, links | {launch.score_url: new})


Links = dict[str, GradebookLink]


def progress_of(workspace: Workspace, learner: str, now: datetime) -> tuple[GradebookProgress, Links]:
    """Return how far a learner has come, and the columns that want to know it (none without any)."""
    nothing = GradebookProgress(0, 0, False)
    with workspace.store.read() as connection:
        person = find_learners(connection, workspace.keyring, [learner]).get(learner)
        links = links_of(connection, person.number) if person and not person.opted_out else {}
        if person is None or not links:
            return nothing, {}
        weeks = weeks_listed(connection, person.number, PAGES)
    this_week = week_of(now, workspace.time_zone)
    over, running, left = (0, 0), (0, 0), True
    for week in weeks:
        found = workspace.published([learner], week, surfaces=PAGES, now=now).get(learner)
        counts = (len(found.done), len(found.resources) + len(found.missed)) if found else (0, 0)
        if week < this_week:
            over = over[0] + counts[0], over[1] + counts[1]
        elif week == this_week and found:
            running, left = counts, len(found.done) < len(found.resources)
    both = over[0] + running[0], over[1] + running[1]
    better = over if over[1] and over[0] * both[1] >= both[0] * over[1] else both
    return GradebookProgress(*better, done=running[1] > 0 and not left), links


async def tell(tool: Tool, tenant: Tenant, learner: str) -> None:
    """Tell the gradebooks what a learner has done; one that does not take it keeps it from no other."""
    now = datetime.now(UTC)
    progress, links = await tenant.aside(progress_of, tenant.workspace, learner, now)
    told: dict[str, GradebookLink] = {}
    for url, link in links.items():
        said = replace(link, given=progress.given, of=progress.of, done=progress.done)
        if not progress.given or said == link:
            continue
        try:
            await _send(tool, url, said, learner=learner, now=now)
        except LtiError as error:
            logs.write("lti_score", {"sent": "no", "reason": str(error)}, level=30)
        else:
            told[url] = said
    if told:
        await tenant.do(_note, tenant.workspace, learner, told)


async def _send(tool: Tool, url: str, said: GradebookLink, *, learner: str, now: datetime) -> None:
    platform = tool.platform(said.issuer, said.client_id)
    if platform is None:
        raise LtiError("the platform is registered no more")
    await tool.services.send_score(
        platform, url, learner, given=said.given, of=said.of, done=said.done, now=now
    )


def _note(workspace: Workspace, learner: str, told: Links) -> None:
    with workspace.store.write() as connection:
        person = find_learners(connection, workspace.keyring, [learner]).get(learner)
        if person is not None and not person.opted_out:
            keep_links(connection, person.number, links_of(connection, person.number) | told)
