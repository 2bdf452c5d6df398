"""A calendar's address: it follows the list, and opens nothing once it was changed, taken back, or erased."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar
from typer.testing import CliRunner

from segue.batch.from_workspace import weekly
from segue.batch.plan import WeeklyPlan
from segue.cli.main import app
from segue.features.iso_weeks import week_of
from segue.service.pages.sessions.calendar_addresses import learner_of, revoke
from segue.service.pages.sessions.signed_tokens import TicketError
from segue.workspace.privacy.learner_rights import erase
from segue.workspace.storage.pseudonyms import find
from segue.workspace.workspace import Workspace


def run(*words: str) -> str:
    done = CliRunner().invoke(app, ["calendar", *words])
    assert done.exit_code == 0, done.output
    return done.output.strip()


def path_of(school: Path, learner: str) -> str:
    return run("address", str(school), "--learner", learner, "--address", "https://s.example").removeprefix(
        "https://s.example"
    )


def test_an_address_follows_the_list_until_it_is_taken_back(
    school: Path, serving: Any, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    week = week_of(now, "UTC")
    with Workspace.open(school, environment={}) as space:
        roster = ["student-1", "student-2"]
        weekly(space, WeeklyPlan(week, now, "seed", k=3), tmp_path / "out", roster=roster)
        drawn = {step.title for one in space.lists("student-1", now=now, week=week) for step in one.todo}
    own, other, again = (
        path_of(school, "student-1"),
        path_of(school, "student-2"),
        path_of(school, "student-1"),
    )
    with serving(school) as client:
        answer = client.get(own)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/calendar")
        assert "no-store" in answer.headers["cache-control"]
        events = Calendar.from_ical(answer.content).walk("VEVENT")
        assert {str(event["summary"]) for event in events} == drawn
        assert client.get(own).content == answer.content
        sealed = own.rpartition("/")[2].removesuffix(".ics")
        assert b"student-1" not in base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
        assert len({len(one) for one in (own, path_of(school, "x"))}) == 1
        turned = sealed[:40] + ("B" if sealed[40] == "A" else "A") + sealed[41:]
        for wrong in (own.replace(sealed, turned), own.replace("/school/", "/elsewhere/"), own[:-9]):
            assert client.get(wrong).status_code in (404, 405)
        run("revoke", str(school), "--address", f"https://s.example{own}")
        assert client.get(own).status_code == 404
        assert client.get(again).status_code == 200
        with Workspace.open(school, environment={}) as space:
            erase(space, "student-2", now=now)
        assert not Calendar.from_ical(client.get(other).content).walk("VEVENT")
        run("revoke", str(school), "--all")
        assert client.get(again).status_code == 404


def test_a_subscribed_calendar_serves_nothing_that_has_closed_since(
    school: Path, serving: Any, tmp_path: Path, headers: Any
) -> None:
    now = datetime.now(UTC)
    week, who = week_of(now, "UTC"), "student-1"
    with Workspace.open(school, environment={}) as space:
        weekly(space, WeeklyPlan(week, now, "seed", k=5), tmp_path / "out", roster=[who])
        steps = [step for one in space.lists(who, now=now, week=week) for step in one.todo]
    own = path_of(school, who)
    out, retired, closed, left, stays = steps

    def titles(client: Any) -> set[str]:
        events = Calendar.from_ical(client.get(own).content).walk("VEVENT")
        return {str(one["summary"]) for one in events if one.get("status") != "CANCELLED"}

    with serving(school) as client:

        def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
            answer = client.request(method, path, json=body, headers=headers("admin"))
            assert answer.status_code == 200, answer.text
            return answer.json()

        assert titles(client) == {step.title for step in steps}
        changed = f"/v1/decisions/{out.decision_id}/override"
        act = call("POST", changed, {"action": "remove", "by": "t1"})["override_id"]
        assert titles(client) == {step.title for step in (retired, closed, left, stays)}
        call("DELETE", f"/v1/resources/{retired.resource}")
        call("PATCH", f"/v1/resources/{closed.resource}", {"available_until": now.isoformat()})
        assert titles(client) == {left.title, stays.title}
        call("PUT", "/v1/classes/art/roster", {"learners": [{"id": who}]})
        call("PATCH", f"/v1/resources/{left.resource}", {"courses": ["art"]})
        assert titles(client) == {left.title, stays.title}
        call("PUT", "/v1/classes/art/roster", {"learners": []})
        assert titles(client) == {stays.title}
        call("POST", f"/v1/overrides/{act}/undo", {"by": "t1"})
        call("POST", f"/v1/resources/{retired.resource}/restore")
        assert titles(client) == {out.title, retired.title, stays.title}


def test_an_address_signed_as_before_still_opens_and_is_taken_back(school: Path) -> None:
    keyring = find(school, {})
    body = base64.urlsafe_b64encode(json.dumps(["student-1", 0, "number"]).encode()).rstrip(b"=").decode()
    digest = base64.urlsafe_b64encode(keyring.digest("calendar", f"address:{body}")).rstrip(b"=").decode()
    with Workspace.open(school, environment={}) as space, space.store.write() as connection:
        assert learner_of(connection, keyring, f"{body}.{digest}") == "student-1"
        for wrong in (f"{body}.{digest[:-1]}", f"{body}A.{digest}", body, "", "?", "A" * 3_000):
            with pytest.raises(TicketError, match="not made here"):
                learner_of(connection, keyring, wrong)
        revoke(connection, keyring, f"{body}.{digest}")
        with pytest.raises(TicketError, match="taken back"):
            learner_of(connection, keyring, f"{body}.{digest}")


@pytest.mark.parametrize("words", [(), ("--all", "--address", "x")])
def test_taking_back_says_which(school: Path, words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["calendar", "revoke", str(school), *words])
    assert done.exit_code
    assert "say which" in str(done.exception)
