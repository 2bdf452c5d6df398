"""What the pages of a large class cost: CPU time of the server and bytes, page by page.

Run: ``python benchmarks/pages.py``. A class of 35 learners and 60 skills with a term of work, two weeks'
lists drawn, plans and requests waiting. CPU time is that of the server's threads (the client has its own):
of the first visit after the service was started (the least of three starts, since other work on the machine
only adds), and the least of later ones. Either may take 100 ms; a page may have 150 kB.
"""

from __future__ import annotations

import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import typer
import uvicorn

from segue.engine.explanations.own_plan import PlanStep
from segue.engine.requests.request import Request
from segue.features.catalogue import Catalogue, Resource, Skill
from segue.features.events.event_records import check, identify
from segue.features.iso_weeks import start_of, week_of
from segue.service.app import create_app
from segue.service.http.rate_limits import ServiceLimits
from segue.service.pages.sessions.signed_tokens import Ticket, sign
from segue.service.server import configuration
from segue.service.tenant.tenant import Tenant
from segue.workspace.dialogue import own_plans, requests
from segue.workspace.playlists.answering import Ask
from segue.workspace.storage.configuration import Configuration
from segue.workspace.storage.pseudonyms import find
from segue.workspace.workspace import Workspace

LEARNERS, SKILLS, PER_SKILL, ATTEMPTS = 35, 60, 4, 120
ROSTER = tuple(f"1f0c{n:02d}7e-9b1d-4c55-8a2e-{n:012d}" for n in range(LEARNERS))
STUDENT = ("week", "me", "plan", "feedback", "check?skill=s7", "print", "offline.html", "calendar.ics")
TEACHER = (
    "class",
    "class.csv",
    "monday",
    "learner?who=3",
    "learner?who=3&did=r8",
    "asked",
    "groups",
    "policy",
    "report",
)
MOST_MS, MOST_BYTES = 100.0, 150_000
KINDS = ("lesson", "exercise", "quiz", "game")


@dataclass(frozen=True)
class PageCost:
    """One page: milliseconds of CPU (first visit, later ones), bytes, and other hosts named as sources."""

    page: str
    first: float
    ms: float
    size: int
    elsewhere: tuple[str, ...]


def large_class(folder: Path, now: datetime) -> None:
    """Make a workspace with the class: fitted, three weeks drawn (one worked through), plans and requests."""
    rng = np.random.default_rng(5)
    skills = tuple(
        Skill(f"s{n}", statement=f"Solve problems of kind {n}", i_can=f"I can solve problems of kind {n}.")
        for n in range(SKILLS)
    )
    resources = tuple(
        Resource(
            f"r{n * PER_SKILL + m}",
            skills=(f"s{n}",),
            title=f"Problems of kind {n}, part {m}: a title as long as they are",
            url=f"https://example.org/r{n * PER_SKILL + m}",
            kind=KINDS[m],
            tags=(f"tag-{n % 8}",),
            minutes=10.0,
            difficulty=float(1 + m),
        )
        for n in range(SKILLS)
        for m in range(PER_SKILL)
    )
    with Workspace.init(folder, environment={}, configuration=Configuration()) as space:
        space.set_catalogue(
            Catalogue.build(resources, skills, [(f"s{n}", f"s{n + 1}") for n in range(0, SKILLS - 1, 3)])
        )
        rows = pd.DataFrame(
            {
                "event_id": [f"e{n}" for n in range(LEARNERS * ATTEMPTS)],
                "learner": np.repeat(ROSTER, ATTEMPTS),
                "resource": [f"r{n}" for n in rng.integers(SKILLS * PER_SKILL, size=LEARNERS * ATTEMPTS)],
                "score": (rng.random(LEARNERS * ATTEMPTS) < 0.6).astype(float),
                "time": np.tile(
                    [now - timedelta(hours=8 * (ATTEMPTS - n)) for n in range(ATTEMPTS)], LEARNERS
                ),
                "class_id": "7b",
            }
        )
        found = check(rows, range(1, len(rows) + 1), resources=space.catalogue().resource_index)
        space.add_events(identify(found.events))
        space.fit(now=now)
        for days in (-7, 0, 7):
            week = week_of(now + timedelta(days=days), "UTC")
            monday = start_of(week, "UTC")
            asked = [Request(who, monday, k=6, menu=3) for who in ROSTER]
            space.recommend_many(asked, ask=Ask(surface="weekly", week=week))
            if days < 0:
                space.add_events(answers(space, monday, rng))
                space.learn(now=now)
        for who in ROSTER[:8]:
            own_plans.propose_plan(space, who, [PlanStep("r1"), PlanStep("r9")], now=now)
            requests.ask_teacher(space, who, "talk", "s3", now=now)


def answers(space: Workspace, monday: datetime, rng: np.random.Generator) -> pd.DataFrame:
    """Return three attempts of each learner at each step of the list of a week, on three days of it."""
    rows = pd.DataFrame(
        [
            {"learner": who, "resource": step.resource, "time": monday + timedelta(days=day, minutes=minute)}
            for who in ROSTER
            for minute, step in enumerate(space.lists(who, now=monday)[0].todo)
            for day in (1, 3, 5)
        ]
    ).assign(kind="attempt", class_id="7b")
    rows["score"] = (rng.random(len(rows)) < 0.7).astype(float)
    found = check(rows, range(1, len(rows) + 1), resources=space.catalogue().resource_index)
    return identify(found.events)


@contextmanager
def served(folder: Path) -> Iterator[tuple[httpx.Client, dict[str, str]]]:
    """Yield a client of the class's service, and the address of a session for each role."""
    limits = ServiceLimits(address_rate=1e6, address_burst=1_000_000)
    until = int((datetime.now(UTC) + timedelta(hours=8)).timestamp())
    tickets = {
        "student": Ticket("link", "learner", ROSTER[3], until),
        "teacher": Ticket("link", "teacher", "t1", until, class_id="7b", roster=ROSTER),
    }
    keyring = find(folder, {})
    app = create_app([Tenant.open(folder, limits=limits)], limits=limits)
    server = uvicorn.Server(configuration(app, limits=limits))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        with httpx.Client(base_url=address, timeout=60) as client:
            bases = {}
            for role, ticket in tickets.items():
                path = f"/pages/{folder.name}/enter/{sign(ticket, keyring)}"
                bases[role] = str(client.get(path, follow_redirects=True).url).rpartition("/")[0]
            yield client, bases
    finally:
        server.should_exit = True
        thread.join()


def _of_server() -> float:
    """Return the CPU seconds of this process without those of the thread that asks, the client's."""
    return time.process_time() - time.thread_time()


def page_costs(client: httpx.Client, bases: dict[str, str], *, times: int = 5) -> list[PageCost]:
    """Return what each page costs; on a service just started, the first request is a first visit."""
    out = []
    for role, pages in (("student", STUDENT), ("teacher", TEACHER)):
        for page in pages:
            start = _of_server()
            found = client.get(f"{bases[role]}/{page}")
            first = 1e3 * (_of_server() - start)
            assert found.status_code == 200, (page, found.status_code)
            spent = []
            for _ in range(times):
                start = _of_server()
                client.get(f"{bases[role]}/{page}")
                spent.append(1e3 * (_of_server() - start))
            sources = re.findall(r'<(?:link|script|img|iframe)[^>]+(?:src|href)="(https?:[^"]+)"', found.text)
            out.append(PageCost(page, first, min(spent), len(found.content), tuple(sources)))
    return out


def form_costs(client: httpx.Client, bases: dict[str, str], *, times: int = 5) -> list[PageCost]:
    """Return what forms cost that change nothing, a preview and a draft policy: redirect and page."""
    out = []
    forms = (("student", "me", "preview"), ("teacher", "policy", "policy_try"))
    for role, page, action in forms:
        text = client.get(f"{bases[role]}/{page}").text
        form = re.findall(rf'action="./{action}">(.*?)</form>', text, re.DOTALL)[0]
        fields = dict(re.findall(r'name="([^"]+)"[^>]*? value="([^"]*)"', form))
        fields |= {"skill": "s9"} if action == "preview" else {"weights.zone": "6"}
        spent, size = [], 0
        for _ in range(times):
            start = _of_server()
            found = client.post(f"{bases[role]}/{action}", data=fields, follow_redirects=True)
            spent.append(1e3 * (_of_server() - start))
            assert found.status_code == 200, (action, found.status_code)
            size = len(found.content)
        out.append(PageCost(action, spent[0], min(spent), size, ()))
    return out


def all_costs(folder: Path, *, times: int = 5, starts: int = 3) -> list[PageCost]:
    """Return what each page and form costs; its first visit is the least of several fresh services'."""
    rounds = []
    for _ in range(starts):
        with served(folder) as (client, bases):
            rounds.append([*page_costs(client, bases, times=times), *form_costs(client, bases, times=times)])
    return [
        replace(same[0], first=min(one.first for one in same), ms=min(one.ms for one in same))
        for same in zip(*rounds, strict=True)
    ]


def main() -> None:
    """Print what each page of a large class costs: CPU time of the first visit and of later ones, bytes."""
    with tempfile.TemporaryDirectory(prefix="segue-pages-") as temporary:
        folder = Path(temporary) / "school"
        large_class(folder, datetime.now(UTC).replace(microsecond=0))
        for cost in all_costs(folder):
            slow = max(cost.first, cost.ms) > MOST_MS
            over = "OVER" if slow or cost.size > MOST_BYTES or cost.elsewhere else ""
            print(
                f"{cost.page:28} first {cost.first:7.1f} ms, later {cost.ms:6.1f} ms, "
                f"{cost.size / 1e3:6.1f} kB {over}"
            )


if __name__ == "__main__":
    typer.run(main)
