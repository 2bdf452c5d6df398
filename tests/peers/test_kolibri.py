"""A real Kolibri: two classes of sixty through a term's accidents, seen as the child and the coach see it."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers.kolibri_device import ADMIN, PASSWORD, Device, Learner, Session, login

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("default")]
SEGUE = str(Path(sys.executable).with_name("segue"))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WEEK, NEXT = "2026-W48", "2026-W49"
FIRST, SECOND, BOTH = 38, 20, 2
LONG_NAME = "Wilhelmina Anastasia of the Very Long Name"


class School:
    """The device, its classes, and a workspace that reads and writes both."""

    def __init__(self, device: Device, folder: Path) -> None:
        self.device, self.folder = device, folder
        self.admin = Session(device.address, ADMIN)
        self.items = device.items
        self.a = device.classroom(self.admin, "7a", self.items[:9])
        self.b = device.classroom(self.admin, "7b", self.items[6:])
        names = ["Ada", "Ben", LONG_NAME, *(f"Learner {n}" for n in range(3, FIRST + SECOND + BOTH))]
        draw = random.Random(2)
        self.learners: list[Learner] = []
        for n, name in enumerate(names):
            rooms = (self.a,) if n < FIRST else (self.b,) if n < FIRST + SECOND else (self.a, self.b)
            learner = device.learner(self.admin, name, *rooms)
            shelf = self.items[:9] if self.a in rooms else self.items[6:]
            device.practise(learner, draw.sample(shelf, 2), draw)
            self.learners.append(learner)

    def command(self, *words: str) -> list[str]:
        return [SEGUE, words[0], *words[1:]]

    def run(self, *words: str, fails: bool = False) -> str:
        environment = os.environ | {"SEGUE_KOLIBRI_PASSWORD": PASSWORD}
        command = self.command(*words)
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert bool(done.returncode) is fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def at(self, classroom: str) -> list[str]:
        return ["--url", self.device.address, "--user", ADMIN, "--class", classroom]

    def pull(self, classroom: str) -> str:
        return self.run("pull", "kolibri", str(self.folder), *self.at(classroom))

    def push(self, classroom: str, week: str, *, fails: bool = False) -> str:
        return self.run("push", "kolibri", str(self.folder), *self.at(classroom), "--week", week, fails=fails)

    def weekly(self, week: str) -> None:
        self.run("fit", str(self.folder))
        self.run("weekly", str(self.folder), "--week", week, "--out", f"{self.folder}-{week}", "-k", "4")

    def lessons(self, classroom: str, *, active: bool = True) -> list[Any]:
        found = self.admin("GET", f"/api/lessons/lesson/?collection={classroom}")
        return [one for one in found if one["active"] is active and not one["title"].startswith("Practice")]

    def shown(self, classroom: str, week: str) -> Counter[str]:
        """Return how many lessons of a week each learner of a class has."""
        mine = [one for one in self.lessons(classroom) if week in one["title"]]
        assert all(len(one["learner_ids"]) == 1 for one in mine)
        assert all(len({r["content_id"] for r in one["resources"]}) == len(one["resources"]) for one in mine)
        assert len({one["title"].casefold() for one in mine}) == len(mine)
        return Counter(one["learner_ids"][0] for one in mine)

    def members(self, classroom: str) -> Counter[str]:
        found = self.admin("GET", f"/api/auth/facilityuser/?member_of={classroom}")
        assert found
        return Counter(user["id"] for user in found)


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    program = os.environ.get("KOLIBRI") or shutil.which("kolibri")
    if program is None:
        pytest.skip("needs Kolibri (set KOLIBRI to its command), make test-peers installs it")
    folder = tmp_path_factory.mktemp("peers")
    device = Device(program, folder / "kolibri", n_items=14)
    try:
        yield School(device, folder / "school")
    finally:
        device.kill()


def test_what_both_classes_did_comes_in_once(school: School) -> None:
    school.run("init", str(school.folder))
    told = sum(1 + hinted for learner in school.learners for _, _, hinted in learner.did)
    first, second = school.pull(school.a), school.pull(school.b)
    counts = [re.search(r"(\d+) events stored, (\d+) repeats, 0 rejected", said) for said in (first, second)]
    stored = sum(int(found[1]) for found in counts if found)
    assert all(counts)
    assert stored == told  # of the two who are in both classes too
    assert "0 events stored" in school.pull(school.a)
    assert "catalogue has 14 resources" in second


def test_a_server_killed_in_the_middle_of_a_push_and_the_next_push_goes_on(school: School) -> None:
    school.weekly(WEEK)
    words = school.command("push", "kolibri", str(school.folder), *school.at(school.a), "--week", WEEK)
    environment = os.environ | {"SEGUE_KOLIBRI_PASSWORD": PASSWORD}
    pushing = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while len(school.lessons(school.a)) < 5:
        assert pushing.poll() is None
        time.sleep(0.05)
    school.device.kill()
    said = pushing.communicate()[0].decode()
    assert pushing.returncode
    assert re.search(r"\d+ of 40 lessons were done", said), said
    school.device.start()
    assert len(school.lessons(school.a)) < FIRST + BOTH
    said = school.push(school.a, WEEK)
    words = ("lessons added", "updated", "unchanged")  # updated: made before the kill, and nobody's yet
    added, torn, there = (int(found[1]) for word in words if (found := re.search(rf"(\d+) {word}", said)))
    assert (added + torn + there, torn <= 1, added < 40) == (40, True, True), said
    assert "40 unchanged" in school.push(school.a, WEEK)
    assert "22 lessons added" in school.push(school.b, WEEK)
    assert school.shown(school.a, WEEK) == school.members(school.a)
    assert school.shown(school.b, WEEK) == school.members(school.b)


def test_a_leaver_a_newcomer_and_a_deleted_resource(school: School) -> None:
    ada, gone = school.learners[0], school.items[7]  # in both classes' lessons
    device, admin = school.device, school.admin
    device.leave(admin, ada.id, school.a)
    device.delete(gone)
    newcomer = device.learner(admin, "Zoe", school.a)
    device.practise(newcomer, school.items[:2], random.Random(3))
    for classroom in (school.a, school.b):
        assert "1 closed that the class has no more" in school.pull(classroom)
    school.weekly(NEXT)
    said = school.push(school.a, NEXT)
    assert "40 lessons added" in said
    assert "40 of other weeks or leavers closed" in said
    school.push(school.b, NEXT)
    for classroom in (school.a, school.b):
        assert school.shown(classroom, NEXT) == school.members(classroom)
        assert not school.shown(classroom, WEEK)
        offered = {r["content_id"] for one in school.lessons(classroom) for r in one["resources"]}
        assert offered
        assert gone["content_id"] not in offered
    assert ada.id not in school.shown(school.a, NEXT)
    assert len(school.lessons(school.a, active=False)) == 40
    device.join(admin, ada.id, school.a)
    school.pull(school.a)
    school.weekly(NEXT)
    assert "41 learners: 1 lessons added" in school.push(school.a, NEXT)
    assert "41 unchanged" in school.push(school.a, NEXT)
    assert school.shown(school.a, NEXT) == school.members(school.a)
    there = {one["title"]: one for one in admin("GET", f"/api/lessons/lesson/?collection={school.a}")}
    assert "Practice 7a" in there, sorted(there)
    assert len(there["Practice 7a"]["resources"]) == 9  # the teacher's, as it was


def test_what_the_child_and_the_coach_read(school: School) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    child = school.learners[2]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = signed_in(browser, school, child.name)
        page.goto(f"{school.device.address}/en/learn/#/home")
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("link", name="week 49").first.click()
        page.get_by_text("Coach note").wait_for()
        seen = page.inner_text("body")
        coach = signed_in(browser, school, ADMIN)
        coach.goto(f"{school.device.address}/en/coach/#/{school.a}/lessons")
        coach.get_by_role("link", name="Ada: week 49").wait_for()
        listed = coach.inner_text("main") if coach.locator("main").count() else coach.inner_text("body")
        coach.get_by_role("link", name="Ada: week 49").click()
        coach.get_by_text("General information").wait_for()
        opened = coach.inner_text("body")
        browser.close()
    assert "Wilhelmina Anastasia of the Ve: week 49 (2026-W49)" in seen
    note = seen[seen.index("Coach note") :]
    assert re.search(r"1(, \d)*: (This is new for you: fractions \d+\.|You)", note), note
    steps = re.findall(r"^Fractions \d+$", note, re.MULTILINE)
    said = [int(n) for group in re.findall(r"(?:^|\s)((?:\d, )*\d): ", note) for n in group.split(", ")]
    assert len(steps) == 4, note  # of the child's own class alone
    assert 1 <= max(said) <= 4, note
    assert "missing" not in note
    for text in (seen, listed, opened):
        assert not re.search(r"\b[0-9a-f]{16,}\b|segue:", text)
    assert "week 48" not in seen
    assert "Ada: week 49 (2026-W49)" in listed
    assert "Recipients\nAda" in opened
    assert re.search(r"\n1(, \d)*: ", opened)


def signed_in(browser: Any, school: School, user: str) -> Any:
    context = browser.new_context()
    context.set_default_timeout(240_000)
    address = school.device.address
    context.request.get(f"{address}/api/public/v1/facility/")
    token = next((c["value"] for c in context.cookies() if "csrf" in c["name"]), "")
    headers = {"X-CSRFToken": token, "Referer": address}
    body = login(user, school.admin.facility)
    assert context.request.post(f"{address}/api/auth/session/", data=body, headers=headers).ok
    return context.new_page()
