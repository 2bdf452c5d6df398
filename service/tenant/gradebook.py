"""Progress on its way to an LMS's gradebook, told under the learner's id on that platform.

It is told when work was done or taken back, or a list was changed; never because a page was opened.
A week that runs never lowers the grade: it counts once it makes the share larger, or is over. A step that
could be done and closed undone counts as not done; what a teacher took out, what was retired and what is of a
course that has ended does not count. The score is pending until nothing of the running week is left to do.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
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
from segue.workspace.records.statements import find_statement
from segue.workspace.storage.one_use import give_back, take_once
from segue.workspace.storage.pseudonyms import Keyring
from segue.workspace.workspace import Workspace

USE = "gradebook"
TURN_SECONDS = 120.0  # a turn that was cut off ends by itself; no score is sent in its second half


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
        rows = (
            decision_of(connection, worked.decision),
            override_of(connection, worked.override),
            find_statement(connection, worked.statement),
        )
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

    Of all processes one tells at a time, and looks again before it goes: who comes meanwhile need not wait,
    what is read later is sent later, and the last score is the right one.
    """
    space, tried = tenant.workspace, dict[str, GradebookLink]()
    while await tenant.aside(_untold, space, learner, tried):
        until = time.time() + TURN_SECONDS
        if not await tenant.do(_take_turn, space, learner, until):
            return
        told: Links = {}
        try:
            now = datetime.now(UTC)
            for url, said in (await tenant.aside(_untold, space, learner, tried)).items():
                if time.time() > until - TURN_SECONDS / 2:
                    break  # the rest in another turn: this one may run out while a platform does not answer
                tried[url] = said
                try:
                    await _send(tool, url, said, user=user_of(said, space.keyring), now=now)
                except LtiError as error:
                    logs.write("lti_score", {"sent": "no", "reason": str(error)}, level=30)
                else:
                    told[url] = said
        finally:
            await tenant.do(_end_turn, space, learner, until, told)


def _untold(workspace: Workspace, learner: int, tried: Links) -> Links:
    """Return what each column is to be told, without what was `tried`.

    Nothing done is told only where something was told before.
    """
    progress, links = progress_of(workspace, learner, datetime.now(UTC))
    said = {url: replace(link, **asdict(progress)) for url, link in links.items()}
    due = {url: one for url, one in said.items() if progress.given or links[url].given > 0}
    return {url: one for url, one in due.items() if one not in (links[url], tried.get(url))}


def _take_turn(workspace: Workspace, learner: int, until: float) -> bool:
    with workspace.store.write() as connection:
        return take_once(connection, f"{USE}:{learner}", until=until, now=time.time())


async def _send(tool: Tool, url: str, said: GradebookLink, *, user: str, now: datetime) -> None:
    platform = tool.platform(said.issuer, said.client_id)
    if platform is None:
        raise LtiError("the platform is registered no more")
    await tool.services.send_score(platform, url, user, given=said.given, of=said.of, done=said.done, now=now)


def _end_turn(workspace: Workspace, learner: int, until: float, told: Links) -> None:
    """Note what was told, and let others tell."""
    with workspace.store.write() as connection:
        give_back(connection, f"{USE}:{learner}", until=until)
        person = learner_numbered(connection, learner)
        if told and person is not None and not person.opted_out:
            keep_links(connection, learner, links_of(connection, learner) | told)
