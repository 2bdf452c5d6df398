"""An LMS launches Segue: signed launches are taken once, others refused, progress reaches the gradebook."""

from __future__ import annotations

import base64
import html
import json
import re
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import func, select
from typer.testing import CliRunner

from segue import sample
from segue.cli.main import app
from segue.features.iso_weeks import week_of
from segue.workspace.privacy import learner_rights
from segue.workspace.records.learners import find_learners
from segue.workspace.records.rosters.enrolments import no_students, roster_of
from segue.workspace.storage import schema
from segue.workspace.storage.pseudonyms import find
from segue.workspace.workspace import Workspace
from tests.local_server import serving

pytest.importorskip("jwt")

from segue.service.pages.sessions.signed_tokens import read
from segue.service.pages.standing_list import STEPS, standing
from segue.service.tenant.gradebook import progress_of
from tests.service.lti_platform import (
    AGS,
    CLAIM,
    MEMBER,
    NRPS,
    SECRET_NAME,
    TEST_STUDENT,
    Platform,
    launch,
    launched,
    logged_in,
    options_of,
    register_platform,
    registered,
    until,
)

Headers = Callable[[str], dict[str, str]]
DEEP = "https://purl.imsglobal.org/spec/lti-dl/claim/"
PEER = Path(__file__).resolve().parents[3] / "shared" / "tools" / "lti_peer.py"


@pytest.fixture
def platform() -> Iterator[Platform]:
    with serving(Platform()) as server:
        yield server


@pytest.fixture
def tool(platform: Platform, school: Path, serving: Any) -> Iterator[httpx.Client]:
    register_platform(school, platform.base)
    with serving(school) as client:
        yield client


class Lasting(NamedTuple):
    """A platform, a tool and its school for all tests that leave nothing behind which others look at."""

    tool: httpx.Client
    platform: Platform
    school: Path


@pytest.fixture(scope="module")
def lasting(
    template: Path,
    secrets: dict[str, str],
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Lasting]:
    folder = tmp_path_factory.mktemp("lasting") / "school"
    shutil.copytree(template, folder)
    shutil.copy(template.with_suffix(".key"), folder.with_suffix(".key"))
    with serving(Platform()) as platform:
        register_platform(folder, platform.base)
        with request.getfixturevalue("serving")(folder) as client:
            yield Lasting(client, platform, folder)


def steps_of(page: str) -> list[str]:
    """Return the resources of a page, by their titles."""
    titles = {resource.title: resource.resource_id for resource in sample.load().resources}
    found = re.findall(r'<li id="s-[^>]*aria-label="([^"]+), [a-z ]+"', page)
    return [titles[html.unescape(title)] for title in found]


def work(tool: httpx.Client, headers: Headers, resource: str, *, learner: str = "student-3") -> None:
    now = datetime.now(UTC).isoformat()
    event = {"id": uuid.uuid4().hex, "learner": learner, "resource": resource, "score": 1.0, "time": now}
    answer = tool.post("/v1/events", json={"events": [event]}, headers=headers("backend"))
    assert answer.json()["accepted"] == 1, answer.text


def numbered(space: Workspace, learner: str) -> int:
    with space.store.read() as connection:
        return find_learners(connection, space.keyring, [learner])[learner].number


def test_a_learner_sees_the_same_playlist_at_every_visit(tool: httpx.Client, platform: Platform) -> None:
    first = launch(tool, platform)
    assert first.status_code == 200
    assert len(steps_of(first.text)) == STEPS
    assert "My week" in first.text
    assert SECRET_NAME in first.text, "the name that came with the launch, for as long as the session lasts"
    assert steps_of(launch(tool, platform).text) == steps_of(first.text)


def test_names_reach_no_disk_and_no_log(
    tool: httpx.Client, platform: Platform, school: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for role in ("Learner", "Instructor", "Mentor"):
        page = launch(tool, platform, role=role, **{CLAIM + "role_scope_mentor": ["student-1"]})
        text = re.findall(r"/s/([^/]+)", str(page.url))[0]
        said = str(read(text, find(school, {}), use="session", now=datetime.now(UTC)))
        assert "Learner One" not in said
        assert SECRET_NAME not in said
        for name in ("week", "me", "plan", "feedback", "class", "class.csv", "monday", "asked", "report"):
            tool.get(str(page.url.join(f"./{name}")))
        for form in re.findall(r'action="./(?:done|talk|draw)">(.*?)</form>', page.text, re.DOTALL):
            fields = dict(re.findall(r'name="(\w+)" value="([^"]+)"', form))
            tool.post(str(page.url.join("./done")), data=fields)
    files = [path for path in school.parent.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert not any(name in path.read_bytes() for name in (b"Quillfeather", b"Learner One")), path
    assert "Quillfeather" not in caplog.text
    assert "Learner One" not in caplog.text


def test_only_the_lms_that_launched_a_page_may_frame_it(lasting: Lasting) -> None:
    tool, platform = lasting.tool, lasting.platform
    page = launch(tool, platform)
    assert f"frame-ancestors 'self' {platform.base}" in page.headers["content-security-policy"]
    assert "set-cookie" not in page.headers


def test_what_is_done_on_the_page_reaches_the_gradebook(tool: httpx.Client, platform: Platform) -> None:
    page = launch(tool, platform)
    form = re.search(r'action="./done">(.*?)</form>', page.text, re.DOTALL)
    assert form
    fields = dict(re.findall(r'name="(\w+)" value="([^"]+)"', form[1]))
    tool.post(str(page.url.join("./done")), data=fields)
    until(lambda: bool(platform.scores))
    assert (platform.scores[-1]["scoreGiven"], platform.scores[-1]["scoreMaximum"]) == (1, STEPS)


def test_where_a_frame_keeps_no_cookies_the_launch_offers_a_tab_that_begins_again(
    tool: httpx.Client, platform: Platform
) -> None:
    login = logged_in(tool, platform)
    begin = {"iss": platform.base, "login_hint": "x"}
    kept = tool.post("/lti/school/login", data=begin).headers["set-cookie"]
    assert kept.endswith("Secure; SameSite=None; Partitioned")
    without = launched(tool, (login[0], {}), platform.token(login[0]["nonce"]))
    assert without.status_code == 400
    assert f"frame-ancestors 'self' {platform.base}" in without.headers["content-security-policy"]
    again = html.unescape(re.findall(r'href="([^"]+)" target="_blank"', without.text)[0])
    begun = tool.get(again)
    assert begun.status_code == 302
    query = {k: v[0] for k, v in parse_qs(urlsplit(begun.headers["location"]).query).items()}
    name, _, value = begun.headers["set-cookie"].partition(";")[0].partition("=")
    assert launched(tool, (query, {name: value}), platform.token(query["nonce"])).status_code == 200


def test_the_gradebook_hears_of_work_and_not_of_visits(
    tool: httpx.Client, platform: Platform, headers: Headers
) -> None:
    steps = steps_of(launch(tool, platform).text)
    assert "0 of 6 done" in launch(tool, platform).text
    work(tool, headers, steps[0])
    until(lambda: len(platform.scores) >= 1)
    assert [(s["userId"], s["scoreGiven"], s["scoreMaximum"]) for s in platform.scores] == [
        ("student-3", 1, STEPS)
    ]
    assert platform.scores[0]["gradingProgress"] == "Pending"
    for step in steps[1:]:
        work(tool, headers, step)
    until(lambda: platform.scores[-1]["scoreGiven"] == STEPS)
    given = [score["scoreGiven"] for score in platform.scores]
    assert given == sorted(given)  # never an older one after a newer
    assert platform.scores[-1]["gradingProgress"] == "FullyGraded"
    assert platform.scores[-1]["activityProgress"] == "Completed"


def test_while_a_gradebook_does_not_answer_one_score_of_a_learner_waits_and_it_is_the_last(
    tool: httpx.Client, platform: Platform, headers: Headers
) -> None:
    steps = steps_of(launch(tool, platform).text)
    platform.away = True
    platform.scores_taken.clear()
    work(tool, headers, steps[0])
    until(lambda: platform.scores_sent == 1)
    for step in steps[1:5]:
        work(tool, headers, step)
    platform.scores_taken.set()
    until(lambda: platform.refused >= 2)
    platform.away = False
    work(tool, headers, steps[5])
    until(lambda: last(platform)[0] == 6)
    assert platform.scores_sent <= 4, "what came while one waited was told at once"


def test_the_gradebook_counts_no_step_that_was_taken_out_or_retired_or_whose_course_ended(
    tool: httpx.Client, platform: Platform, headers: Headers, *, school: Path
) -> None:
    steps = steps_of(launch(tool, platform).text)
    admin, now = headers("admin"), datetime.now(UTC).isoformat()

    def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = tool.request(method, path, json=body, headers=admin)
        assert answer.status_code == 200, answer.text
        return answer.json()

    lists = call("GET", "/v1/learners/student-3/lists")["lists"]
    (decision,) = (s["decision_id"] for one in lists for s in one["steps"] if s["resource"] == steps[1])
    act = call("POST", f"/v1/decisions/{decision}/override", {"action": "remove", "by": "t1"})["override_id"]
    work(tool, headers, steps[0])
    until(lambda: bool(platform.scores) and platform.scores[-1]["scoreMaximum"] == STEPS - 1)
    call("DELETE", f"/v1/resources/{steps[2]}")
    call("PATCH", f"/v1/resources/{steps[3]}", {"available_until": now})
    call("PUT", "/v1/classes/art/roster", {"learners": [{"id": "student-3"}]})
    call("PATCH", f"/v1/resources/{steps[4]}", {"courses": ["art"]})
    call("PUT", "/v1/classes/art/roster", {"learners": []})
    work(tool, headers, steps[5])
    until(lambda: platform.scores[-1]["scoreGiven"] == 2)
    assert platform.scores[-1]["scoreMaximum"] == 3, "what could be done and closed undone was not done"
    assert platform.scores[-1]["gradingProgress"] == "FullyGraded", "nothing is left to do"

    def told(at: datetime) -> tuple[int, int, bool]:
        with Workspace.open(school, environment={}) as space:
            found, _ = progress_of(space, numbered(space, "student-3"), at)
        return found.given, found.of, found.done

    later = datetime.now(UTC) + timedelta(days=30)
    call("PATCH", f"/v1/resources/{steps[0]}", {"available_until": later.isoformat()})
    assert told(later + timedelta(days=30))[:2] == (2, 3), "what was done stays done, whatever closes later"
    call("POST", f"/v1/overrides/{act}/undo", {"by": "t1"})
    assert told(datetime.now(UTC)) == (2, 4, False)
    lists = call("GET", "/v1/learners/student-3/lists")["lists"]
    (shut,) = (s["decision_id"] for one in lists for s in one["steps"] if s["left_out"] == "closed")
    call("POST", f"/v1/decisions/{shut}/override", {"action": "remove", "by": "t1"})
    assert told(datetime.now(UTC)) == (2, 3, False), "a teacher says that it shall not count"


def test_the_gradebook_hears_of_all_that_moves_the_share_and_of_nothing_else(
    tool: httpx.Client, platform: Platform, headers: Headers
) -> None:
    page = launch(tool, platform)
    admin = headers("admin")

    def call(path: str, body: dict[str, Any]) -> Any:
        answer = tool.post(path, json=body, headers=admin)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def hears(given: int, of: int) -> None:
        until(lambda: [last(platform), now_told()] == [(given, of)] * 2)

    def now_told() -> tuple[int, int]:
        found = [s["state"] for one in lists() for s in one["steps"]]
        return found.count("done"), len(found) - found.count("removed")

    def lists() -> Any:
        return tool.get("/v1/learners/student-3/lists", headers=admin).json()["lists"]

    first, second, third, *_ = (step["decision_id"] for step in lists()[0]["steps"])
    call(f"/v1/decisions/{first}/done", {})
    hears(1, STEPS)
    call(f"/v1/decisions/{first}/take-back", {"said": "completion"})
    hears(0, STEPS)
    (resource,) = (s["resource"] for s in lists()[0]["steps"] if s["decision_id"] == second)
    event = {"id": "e-1", "learner": "student-3", "resource": resource, "score": 1.0}
    event["time"] = datetime.now(UTC).isoformat()
    call("/v1/events", {"events": [event]})
    hears(1, STEPS)
    act = call(f"/v1/decisions/{third}/override", {"action": "remove", "by": "t1"})["override_id"]
    hears(1, STEPS - 1)
    call(f"/v1/overrides/{act}/undo", {"by": "t1"})
    hears(1, STEPS)
    void = {"id": "e-2", "kind": "other", "learner": "student-3", "voids": "e-1", "time": event["time"]}
    call("/v1/events", {"events": [void]})
    hears(0, STEPS)
    done = tool.post(str(page.url.join("./done")), data=fields_of(page, "done"), follow_redirects=True)
    hears(1, STEPS)
    tool.post(str(page.url.join("./undo")), data=fields_of(done, "undo"))
    hears(0, STEPS)
    n = len(platform.scores)
    call(f"/v1/decisions/{first}/rating", {"rating": 1.0})
    launch(tool, platform)
    work(tool, headers, resource)
    hears(1, STEPS)
    assert len(platform.scores) == n + 1, "neither a rating nor a visit is a score"


@pytest.mark.parametrize("door", ["http", "page"])
def test_a_plan_that_is_approved_or_taken_back_reaches_the_gradebook_at_once(
    tool: httpx.Client, platform: Platform, headers: Headers, *, door: str
) -> None:
    steps = steps_of(launch(tool, platform).text)
    work(tool, headers, steps[0])
    until(lambda: last(platform) == (1, STEPS))
    own = {"steps": [{"resource": name} for name in steps[1:3]]}
    admin = headers("admin")
    plan = tool.post("/v1/learners/student-3/plans", json=own, headers=admin).json()["statement_id"]
    hers = launch(tool, platform, role="Instructor", sub="teacher-1")
    if door == "http":
        verdict = {"by": "teacher-1", "accept": True}
        made = tool.post(f"/v1/plans/{plan}/review", json=verdict, headers=admin).json()
    else:
        form = fields_of(tool.get(str(hers.url.join("./monday"))), "review") | {"verdict": "approve"}
        page = tool.post(str(hers.url.join("./review")), data=form, follow_redirects=True)
    until(lambda: last(platform) == (1, 3))
    if door == "http":
        undone = tool.post(
            f"/v1/reviews/{made['statement_id']}/undo", json={"by": "teacher-1"}, headers=admin
        )
        assert undone.status_code == 200, undone.text
    else:
        tool.post(str(hers.url.join("./undo")), data=fields_of(page, "undo"))
    until(lambda: last(platform) == (1, STEPS))


def last(platform: Platform) -> tuple[int, int]:
    score = platform.scores[-1] if platform.scores else {"scoreGiven": 0, "scoreMaximum": 0}
    return score["scoreGiven"], score["scoreMaximum"]


def fields_of(page: httpx.Response, action: str) -> dict[str, str]:
    """Return the fields of the first form of a page that is posted to an action."""
    form = page.text.partition(f'action="./{action}"')[2].partition("</form>")[0]
    return dict(re.findall(r'name="(\w+)" value="([^"]+)"', form))


def test_a_score_goes_to_the_id_of_the_platform_whichever_id_the_work_came_under(
    platform: Platform, school: Path, serving: Any, headers: Headers
) -> None:
    register_platform(school, platform.base, learner_claim="custom.sis")
    with serving(school) as tool:
        page = launch(tool, platform, sub="opaque-9", **{CLAIM + "custom": {"sis": "student-3"}})
        work(tool, headers, steps_of(page.text)[0])
        until(lambda: bool(platform.scores))
    assert CliRunner().invoke(app, ["rotate-key", str(school)]).exit_code == 0
    with serving(school) as tool:
        work(tool, headers, steps_of(page.text)[1])
        until(lambda: len(platform.scores) == 2)
    assert {score["userId"] for score in platform.scores} == {"opaque-9"}
    for path in school.parent.rglob("*"):
        assert not path.is_file() or b"opaque-9" not in path.read_bytes(), path


def test_one_id_on_two_platforms_is_two_people_unless_they_are_said_to_be_the_same(
    tool: httpx.Client, platform: Platform, school: Path, headers: Headers
) -> None:
    mine = steps_of(launch(tool, platform).text)
    work(tool, headers, mine[0])
    until(lambda: bool(platform.scores))
    launch(tool, platform, role="Instructor")
    with serving(Platform()) as other:
        for words in (["register", *options_of(other.base)], ["invite", "--host", "lms.example"]):
            refused = CliRunner().invoke(app, ["lti", words[0], str(school), *words[1:]])
            assert "one id may be two people" in str(refused.exception)
        register_platform(school, other.base, ids="north")
        page = launch(tool, other)
        assert "0 of 6 done" in page.text, "a stranger with the same id"
        work(tool, headers, steps_of(page.text)[0], learner="north:student-3")
        until(lambda: bool(other.scores))
        assert [score["userId"] for score in other.scores] == ["student-3"]
        assert len(platform.scores) == 1
        family = {"sub": "parent-1", CLAIM + "role_scope_mentor": ["student-3"]}
        assert "1 of 6 done" in launch(tool, other, role="Mentor", **family).text
        other.roster["members"] = other.roster["members"][-2:]  # type: ignore[index]
        assert "1 learner" in launch(tool, other, role="Instructor").text
        assert placed(school) == {f"student-{n}" for n in range(1, 9)}, "a class of the same id is another"
        register_platform(school, other.base, ids="same")
        assert steps_of(launch(tool, other).text) == mine


def test_what_is_no_text_in_a_launch_or_a_roster_opens_nothing_and_breaks_nothing(
    tool: httpx.Client, platform: Platform, school: Path
) -> None:
    half = "a\ud800"
    for changes in (
        {"sub": half},
        {"sub": "a\x00b"},
        {CLAIM + "context": {"id": half}},
        {"exp": float("nan")},
        {NRPS + "claim/namesroleservice": {"context_memberships_url": platform.base + "/" + half}},
    ):
        assert launch(tool, platform, role="Instructor", **changes).status_code == 400
    child = {"sub": "parent-1", CLAIM + "role_scope_mentor": [half]}
    assert "Nothing for you here" in launch(tool, platform, role="Mentor", **child).text
    assert launch(tool, platform, **{"name": half}).status_code == 200
    members = platform.roster["members"]  # type: ignore[index]
    strange = [{"user_id": who, "roles": [MEMBER + "Learner"]} for who in (half, "", "x" * 300, "a\x00")]
    members += [*strange, {"user_id": "student-9", "roles": [MEMBER + "Learner"], "name": half}]
    assert "9 learners" in launch(tool, platform, role="Instructor").text
    assert placed(school) == {f"student-{n}" for n in range(1, 9)}


def test_a_class_that_everybody_has_left_is_empty_and_one_too_large_for_a_page_says_so(
    tool: httpx.Client, platform: Platform, school: Path
) -> None:
    launch(tool, platform, role="Instructor")
    assert len(placed(school)) == 8
    members = platform.roster["members"]  # type: ignore[index]
    members[:] = members[-1:]  # the teacher alone
    launch(tool, platform, role="Instructor")
    assert placed(school) == set()
    members += [{"user_id": f"u-{n}", "roles": [MEMBER + "Learner"]} for n in range(501)]
    page = launch(tool, platform, role="Instructor").text
    assert "500 learners" in page
    assert "its first 500 learners are here" in page


def test_a_new_week_takes_nothing_from_a_finished_one(
    tool: httpx.Client, platform: Platform, headers: Headers, school: Path
) -> None:
    steps = steps_of(launch(tool, platform).text)
    for step in steps:
        work(tool, headers, step)
    until(lambda: bool(platform.scores) and platform.scores[-1]["scoreGiven"] == STEPS)
    later = datetime.now(UTC) + timedelta(days=7)
    with Workspace.open(school, environment={}) as space:
        standing(space, "student-3", now=later)
        found, _ = progress_of(space, numbered(space, "student-3"), later)
        number = numbered(space, "student-3")
        until(lambda: {link.given for link in progress_of(space, number, later)[1].values()} == {STEPS})
    assert (found.given, found.of, found.done) == (STEPS, STEPS, False)


@pytest.mark.parametrize(
    "role",
    ["ContentDeveloper", "Administrator", "Member", "", TEST_STUDENT],
)
def test_others_than_learners_become_none(lasting: Lasting, role: str) -> None:
    tool, platform, school = lasting.tool, lasting.platform, lasting.school
    said = [MEMBER + "Learner", role] if role == TEST_STUDENT else [MEMBER + role] if role else []
    answer = launch(tool, platform, sub="stranger-1", **{CLAIM + "roles": said})
    assert answer.status_code == 200
    assert "Nothing for you here" in answer.text
    with Workspace.open(school, environment={}) as space, space.store.read() as connection:
        assert not find_learners(connection, space.keyring, ["stranger-1"])
    assert not platform.scores


def test_a_parent_reads_the_childs_list_and_makes_none(tool: httpx.Client, platform: Platform) -> None:
    family = {"sub": "parent-1", CLAIM + "role_scope_mentor": ["student-3"]}
    assert "There is no list for this week yet" in launch(tool, platform, role="Mentor", **family).text
    steps = steps_of(launch(tool, platform).text)
    page = launch(tool, platform, role="Mentor", **family)
    assert steps_of(page.text) == steps
    assert "<form" not in page.text, "parents read"
    assert tool.post(str(page.url.join("./done")), data={"step": "x"}).status_code == 403
    two = {"sub": "parent-2", CLAIM + "role_scope_mentor": ["student-4", "student-3"]}
    first = launch(tool, platform, role="Mentor", **two)
    assert not steps_of(first.text)
    sibling = re.findall(r'<a href="(\.\./[^"]+/week)">student-3</a>', first.text)
    assert steps_of(tool.get(str(first.url.join(sibling[0]))).text) == steps
    none = launch(tool, platform, role="Mentor", **{"sub": "parent-3"})
    assert "Nothing for you here" in none.text


def test_who_opted_out_gets_the_classes_list_and_nothing_is_stored(
    tool: httpx.Client, platform: Platform, school: Path, headers: Headers
) -> None:
    with Workspace.open(school, environment={}) as space:
        learner_rights.opt_out(space, "student-3", out=True)
        learner_rights.opt_out(space, "student-4", out=True)
        before = stored(space)
        mine = launch(tool, platform).text
        assert len(steps_of(mine)) == STEPS
        assert "<form" not in mine, "nothing of it is stored, so there is nothing to press"
        assert steps_of(launch(tool, platform).text) == steps_of(mine)
        assert steps_of(launch(tool, platform, sub="student-4").text) == steps_of(mine)
        event = {"id": "e-1", "learner": "student-3", "resource": "pizza-fairly", "score": 1.0}
        event["time"] = datetime.now(UTC).isoformat()
        answer = tool.post("/v1/events", json={"events": [event]}, headers=headers("backend")).json()
        assert (answer["accepted"], answer["rejected"]) == (0, 1)
        assert stored(space) == before
    assert not platform.scores


def stored(space: Workspace) -> dict[str, int]:
    with space.store.read() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in schema.metadata.sorted_tables
            if table.name != "documents"
        }


def test_a_teacher_sees_the_class_by_the_courses_own_roster(
    tool: httpx.Client, platform: Platform, school: Path
) -> None:
    login = logged_in(tool, platform)
    page = launched(tool, login, platform.token(login[0]["nonce"], role="Instructor")).text
    assert "8 learners" in page
    assert set(re.findall(r"student-\d+", page)) <= {f"student-{n}" for n in range(1, 9)}
    assert "Learner One" in page, "the names of the roster, for as long as the session lasts"
    assert placed(school) == {f"student-{n}" for n in range(1, 9)}
    members = platform.roster["members"]  # type: ignore[index]
    members[1]["status"] = "Inactive"
    del members[0]
    assert "6 learners" in launch(tool, platform, role="Instructor").text
    assert placed(school) == {f"student-{n}" for n in range(3, 9)}, "who left gets no list of the week"
    platform.roster = None
    launch(tool, platform, role="Instructor")
    assert placed(school) == {f"student-{n}" for n in range(3, 9)}, (
        "a platform that is silent sends nobody away"
    )


def placed(school: Path) -> set[str]:
    """Return who the store says is in 7b now."""
    now, everybody = datetime.now(UTC), [f"student-{n}" for n in range(1, 9)]
    with Workspace.open(school, environment={}) as space, space.store.read() as connection:
        numbers = {one.number for one in roster_of(connection, space.keyring, "7b", at=now)}
        gone = no_students(connection, now)
        found = find_learners(connection, space.keyring, everybody)
    assert not numbers & gone
    return {who for who, one in found.items() if one.number in numbers}


def test_a_launch_is_good_once(lasting: Lasting) -> None:
    tool, platform = lasting.tool, lasting.platform
    login = logged_in(tool, platform)
    token = platform.token(login[0]["nonce"])
    assert launched(tool, login, token).status_code == 200
    refused = launched(tool, login, token)
    assert refused.status_code == 400
    assert refused.headers["content-type"].startswith("text/html")
    assert "open it again" in refused.text
    assert "{" not in refused.text.split("</style>")[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "other"},
        {"iss": "http://nobody"},
        {"exp": 1},
        {"exp": None},
        {"iat": 4e9},
        {CLAIM + "deployment_id": "dep-9"},
        {"aud": ["segue", "other"]},
        {"aud": ["segue", "other"], "azp": "other"},
        {CLAIM + "context": ["7b"]},
        {CLAIM + "roles": "Learner"},
        {"sub": ""},
        {AGS + "claim/endpoint": {"scope": [AGS + "scope/score"], "lineitem": "http://elsewhere/item"}},
        {NRPS + "claim/namesroleservice": {"context_memberships_url": "http://169.254.169.254/members"}},
    ],
    ids=str,
)
def test_a_launch_with_a_wrong_claim_is_refused(lasting: Lasting, changes: dict[str, Any]) -> None:
    tool, platform = lasting.tool, lasting.platform
    assert launch(tool, platform, **changes).status_code == 400


def test_clocks_may_differ_by_less_than_a_minute(lasting: Lasting) -> None:
    tool, platform = lasting.tool, lasting.platform
    now = int(time.time())
    assert launch(tool, platform, iat=now + 50, exp=now + 110).status_code == 200
    assert launch(tool, platform, iat=now - 300, exp=now - 50).status_code == 200
    assert launch(tool, platform, iat=now - 300, exp=now - 70).status_code == 400


def test_a_token_for_several_names_this_tool_as_its_party(lasting: Lasting) -> None:
    tool, platform = lasting.tool, lasting.platform
    assert launch(tool, platform, aud=["segue", "other"], azp="segue").status_code == 200


def test_only_teachers_place_links(lasting: Lasting) -> None:
    tool, platform = lasting.tool, lasting.platform
    deep: dict[str, Any] = {
        CLAIM + "message_type": "LtiDeepLinkingRequest",
        DEEP + "deep_linking_settings": {"deep_link_return_url": platform.base + "/back"},
    }
    assert launch(tool, platform, **deep).status_code == 403
    assert 'name="JWT"' in launch(tool, platform, role="Instructor", **deep).text
    placed = {False: [False], True: [False, True], None: [False, True]}
    for takes, graded in placed.items():
        settings = deep[DEEP + "deep_linking_settings"] | {"accept_lineitem": takes, "data": "<&"}
        text = launch(
            tool, platform, role="Instructor", **{**deep, DEEP + "deep_linking_settings": settings}
        ).text
        assert text.startswith("<!doctype html>")
        told = [unsigned(token) for token in re.findall(r'name="JWT" value="([^"]+)"', text)]
        assert {one[DEEP + "data"] for one in told} == {"<&"}
        assert ["lineItem" in item for one in told for item in one[DEEP + "content_items"]] == graded
    files = deep[DEEP + "deep_linking_settings"] | {"accept_types": ["file", "link"]}
    no_links = launch(tool, platform, role="Instructor", **deep | {DEEP + "deep_linking_settings": files})
    assert no_links.status_code == 400
    away = {**deep, DEEP + "deep_linking_settings": {"deep_link_return_url": "http://elsewhere/back"}}
    assert launch(tool, platform, role="Instructor", **away).status_code == 400


def unsigned(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("roster", ["nonsense", {"members": "none"}, {"members": [None, {"roles": 3}]}, None])
def test_the_class_page_stands_whatever_the_platform_answers(
    lasting: Lasting, roster: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, platform = lasting.tool, lasting.platform
    monkeypatch.setattr(platform, "roster", roster)
    answer = launch(tool, platform, role="Instructor")
    assert answer.status_code == 200
    assert "My class" in answer.text
    assert "The class list did not come" in answer.text or "The class list is empty" in answer.text


def test_a_gradebook_that_is_away_stops_nobody(
    tool: httpx.Client, platform: Platform, headers: Headers
) -> None:
    steps = steps_of(launch(tool, platform).text)
    platform.away = True
    work(tool, headers, steps[0])
    until(lambda: platform.refused > 0)
    platform.away = False
    work(tool, headers, steps[1])
    until(lambda: bool(platform.scores))
    assert platform.scores[-1]["scoreGiven"] == 2


def test_a_launch_of_another_key_login_or_browser_is_refused(lasting: Lasting) -> None:
    tool, platform = lasting.tool, lasting.platform
    login, other = logged_in(tool, platform), logged_in(tool, platform)
    nonce = login[0]["nonce"]
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert launched(tool, login, platform.token(nonce, key=stranger)).status_code == 400
    assert launched(tool, login, platform.token(other[0]["nonce"])).status_code == 400
    assert launched(tool, (login[0], other[1]), platform.token(nonce)).status_code == 400
    assert launched(tool, login, platform.token(nonce), state="").status_code == 400
    assert launched(tool, login, platform.token(nonce)).status_code == 200


def test_keys_rotate_without_a_gap(tool: httpx.Client, school: Path) -> None:
    before = tool.get("/lti/school/jwks").json()["keys"]
    assert CliRunner().invoke(app, ["lti", "rotate", str(school)]).exit_code == 0
    after = tool.get("/lti/school/jwks").json()["keys"]
    assert len(after) == 2
    assert before[0] in after


def test_a_restored_backup_knows_its_lms(
    tool: httpx.Client, platform: Platform, school: Path, serving: Any, tmp_path: Path
) -> None:
    assert launch(tool, platform).status_code == 200
    copy = tmp_path / "restored" / "school"
    done = CliRunner().invoke(app, ["backup", str(school), str(copy)])
    assert done.exit_code == 0, done.output
    shutil.copy(school.with_suffix(".key"), copy.with_suffix(".key"))
    assert not list(copy.rglob("*.pem")), "what signs is in no backup"
    with serving(copy) as client:
        again = launch(client, platform)
        assert again.status_code == 200
        mine = client.get("/lti/school/jwks").json()["keys"]
    assert [key["kid"] for key in mine] != [key["kid"] for key in tool.get("/lti/school/jwks").json()["keys"]]
    assert steps_of(again.text) == steps_of(launch(tool, platform).text) != []


def test_another_school_is_not_there(lasting: Lasting) -> None:
    tool = lasting.tool
    assert tool.get("/lti/elsewhere/jwks").status_code == 404


def test_a_foreign_platform_with_its_attacks(
    school: Path, serving: Any, tmp_path: Path, headers: Headers
) -> None:
    if not PEER.exists():
        pytest.skip("the tool that plays a platform is not on this machine")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    play = [sys.executable, str(PEER), "--port", port, "--state", str(tmp_path / "state")]
    config = json.loads(subprocess.run([*play, "--print-config"], capture_output=True, check=True).stdout)
    registered(school, **{("deployment" if k == "deployment_id" else k): v for k, v in config.items()})
    with serving(school) as client:
        where = [
            f"--{name}={client.base_url.join(f'/lti/school/{name}')}" for name in ("login", "launch", "jwks")
        ]
        checks = [*where, "--deep-link", "--scores", "1", "--wait", "20"]
        with subprocess.Popen([*play, *checks], stdout=subprocess.PIPE, text=True) as run:
            first = listed(school, "learner-1")
            work(client, headers, first, learner="learner-1")
            said, _ = run.communicate(timeout=60)
    assert run.returncode == 0, said
    assert said.count("PASS") == 16


def listed(school: Path, learner: str) -> str:
    """Return the first step of a learner's list, once there is one whose progress is to be told."""
    with Workspace.open(school, environment={}) as space:
        week = week_of(datetime.now(UTC), space.time_zone)
        until(lambda: learner in space.published([learner], week, surfaces=("lti",)))
        until(lambda: bool(progress_of(space, numbered(space, learner), datetime.now(UTC))[1]))
        return space.published([learner], week, surfaces=("lti",))[learner].resources[0]


CASE_DOCUMENT = {
    "CFDocument": {"identifier": "d", "uri": "https://x/d", "title": "Maths"},
    "CFItems": [{"identifier": "std-1", "uri": "https://x/i", "fullStatement": "Fractions"}],
    "CFAssociations": [],
}
CARTRIDGE = """<manifest xmlns="http://www.imsglobal.org/xsd/imsccv1p3/imscp_v1p1"><resources>
 <resource identifier="film" type="imswl_xmlv1p3"><webLink><title>Film</title>
 <url href="https://lms.example/film"/></webLink><metadata><curriculumStandardsMetadata><labelledGUID>
 <GUID>std-1</GUID></labelledGUID></curriculumStandardsMetadata></metadata></resource></resources></manifest>"""


def said(resource: str, right: bool, minute: int) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "actor": {"account": {"homePage": "https://lms.example", "name": "ada.l"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
        "object": {"id": resource + "#q1" if resource.startswith("https") else resource},
        "result": {"success": right},
        "timestamp": (datetime.now(UTC) - timedelta(days=3, minutes=-minute)).isoformat(),
    }


def test_with_other_ids_at_each_door_the_launch_shows_the_list_that_the_events_earned(
    platform: Platform, school: Path, serving: Any, tmp_path: Path
) -> None:
    roster, course = tmp_path / "roster", tmp_path / "course"
    roster.mkdir()
    course.mkdir()
    (roster / "users.csv").write_text("sourcedId,username\ns-3,ada.l\ns-4,bob.m\n")
    (roster / "enrollments.csv").write_text("class_id,user_id\n7b,s-3\n7b,s-4\n")
    (tmp_path / "standards.json").write_text(json.dumps(CASE_DOCUMENT))
    (course / "imsmanifest.xml").write_text(CARTRIDGE)
    hard = [r.resource_id for r in sample.load().resources][:6]
    statements = [said(r, False, i) for i, r in enumerate([*hard, "https://lms.example/film", *hard])]
    (tmp_path / "log.ndjson").write_text("\n".join(map(json.dumps, statements)))

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, [words[0], str(school), *words[1:]])
        assert done.exit_code == 0, done.output
        return done.output

    run("import", "--format", "case", "--catalogue", str(tmp_path / "standards.json"))
    run("import", "--format", "cartridge", "--catalogue", str(course))
    assert "13 events stored" in run("import", "--format", "xapi", "--events", str(tmp_path / "log.ndjson"))
    linked = run("import", "--format", "oneroster", "--events", str(roster), "--learner-claim", "username")
    assert "2 linked (1 had a history)" in linked
    run("fit")
    week = week_of(datetime.now(UTC), "UTC")
    run("weekly", "--week", week, "--out", str(tmp_path / "out"), "--roster", str(roster), "--workers", "1")
    base = platform.base
    names = {"issuer": base, "client_id": "segue", "deployment": "dep-1", "auth_login_url": base + "/auth"}
    names |= {"auth_token_url": base + "/token", "key_set_url": base + "/jwks"}
    registered(school, **names, learner_claim="lis.person_sourcedid")
    with serving(school) as client:
        claim = {CLAIM + "lis": {"person_sourcedid": "s-3"}}
        page = launch(client, platform, sub="opaque-99", **claim)
        assert page.status_code == 200, page.text
    with Workspace.open(school, environment={}) as space:
        with space.store.read() as connection:
            found = find_learners(connection, space.keyring, ["s-3", "ada.l", "opaque-99"])
        assert len({person.number for person in found.values()}) == 1
        assert len(found) == 3
        earned = space.published(["ada.l"], week)["ada.l"].resources
    assert "Film" in page.text or "film" not in earned
    titles = re.findall(r'<li id="s-[^>]*aria-label="([^"]+), ', page.text)
    assert len(titles) == len(earned) == 10
