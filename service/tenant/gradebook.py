"""Progress on its way to an LMS's gradebook, told under the learner's id on that platform.

It is told when work was done or taken back, or a teacher changed a list; never because a page was opened.
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
from segue.service.tenant.sealing import NUMBER, seal, unseal
from segue.service.tenant.tenant import Tenant
from segue.service.tenant.work_told import Worked
from segue.workspace.playlists.published_playlists import PAGES, Moment, published_of
from segue.workspace.records.decision_queries import decision_of
from segue.workspace.records.gradebook_links import GradebookLink, keep_links, links_of, weeks_listed
from segue.workspace.records.learners import find_learners, learner_numbered
from segue.workspace.records.overrides import override_of
from segue.workspace.storage.pseudonyms import Keyring
from segue.workspace.workspace import Workspace

USE = "gradebook"


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
        platform = launch.platform
        new = GradebookLink(platform.issuer, platform.client_id, sealed(launch.user, workspace.keyring))
        known = links.get(launch.score_url, new)
        if launch.score_url not in links or known.user != new.user:
            keep_links(connection, person.number, links | {launch.score_url: replace(known, user=new.user)})


def sealed(user: str, keyring: Keyring) -> str:
    """Return a user's id as the store keeps it: read again with the tenant's key alone."""
    return seal(user.encode(), keyring.digest(USE, f"number:{user}")[:NUMBER], keyring, use=USE)


def user_of(link: GradebookLink, keyring: Keyring) -> str:
    """Return the id that a column knows its learner by, also where it was sealed under an earlier key.

    Raises
    ------
    LtiError
        When it cannot be read: the learner's next launch brings it again.
    """
    rings = (Keyring(keyring.keys[:n]) for n in range(len(keyring.keys), 0, -1))
    found = next(filter(None, (unseal(link.user, ring, use=USE) for ring in rings)), None)
    if found is None:
        raise LtiError("the learner's id on the platform is not known: the next launch tells it")
    return found[0].decode().rstrip(" ")


Links = dict[str, GradebookLink]


def concerned(workspace: Workspace, worked: Worked) -> list[int]:
    """Return the numbers of the learners whom some work concerns."""
    with workspace.store.read() as connection:
        found = {one.number for one in find_learners(connection, workspace.keyring, worked.learners).values()}
        rows = decision_of(connection, worked.decision), override_of(connection, worked.override)
    return sorted(found | {row.learner for row in rows if row is not None})


def progress_of(workspace: Workspace, learner: int, now: datetime) -> tuple[GradebookProgress, Links]:
    """Return how far a learner (a number of the store) has come, and the columns that want to know it."""
    this_week = week_of(now, workspace.time_zone)
    over, running, left = (0, 0), (0, 0), True
    with workspace.store.read() as connection:
        person = learner_numbered(connection, learner)
        links = {} if person is None or person.opted_out else links_of(connection, learner)
        if not links:
            return GradebookProgress(0, 0, False), {}
        moment = Moment(workspace.keyring, workspace.catalogue_in(connection), now)
        for week in weeks_listed(connection, learner, PAGES):
            found = published_of(connection, moment, [learner], week, surfaces=PAGES).get(learner)
            counts = (len(found.done), len(found.resources) + len(found.missed)) if found else (0, 0)
            if week < this_week:
                over = over[0] + counts[0], over[1] + counts[1]
            elif week == this_week and found:
                running, left = counts, len(found.done) < len(found.resources)
    both = over[0] + running[0], over[1] + running[1]
    better = over if over[1] and over[0] * both[1] >= both[0] * over[1] else both
    return GradebookProgress(*better, done=running[1] > 0 and not left), links


async def tell(tool: Tool, tenant: Tenant, learner: int) -> None:
    """Tell the gradebooks what a learner has done; one that does not take it keeps it from no other.

    Nothing done is told only where something was told before.
    """
    now = datetime.now(UTC)
    progress, links = await tenant.aside(progress_of, tenant.workspace, learner, now)
    told: dict[str, GradebookLink] = {}
    for url, link in links.items():
        said = replace(link, given=progress.given, of=progress.of, done=progress.done)
        if said == link or (not progress.given and link.given <= 0):
            continue
        try:
            await _send(tool, url, said, user=user_of(link, tenant.workspace.keyring), now=now)
        except LtiError as error:
            logs.write("lti_score", {"sent": "no", "reason": str(error)}, level=30)
        else:
            told[url] = said
    if told:
        await tenant.do(_note, tenant.workspace, learner, told)


async def _send(tool: Tool, url: str, said: GradebookLink, *, user: str, now: datetime) -> None:
    platform = tool.platform(said.issuer, said.client_id)
    if platform is None:
        raise LtiError("the platform is registered no more")
    await tool.services.send_score(platform, url, user, given=said.given, of=said.of, done=said.done, now=now)


def _note(workspace: Workspace, learner: int, told: Links) -> None:
    with workspace.store.write() as connection:
        person = learner_numbered(connection, learner)
        if person is not None and not person.opted_out:
            keep_links(connection, learner, links_of(connection, learner) | told)
