"""Who gets in: links that were changed, ran out or belong to others are refused in plain words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from segue.workspace.workspace import Workspace

Link, Browse = Callable[..., str], Callable[..., object]


def test_a_link_opens_its_learners_week_and_no_cookie_is_needed(link: Link, client: httpx.Client) -> None:
    found = client.get(link("learner", "student-1"), follow_redirects=True)
    assert found.status_code == 200
    assert "student-1" in found.text
    assert "set-cookie" not in found.headers
    assert found.headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in found.headers["content-security-policy"]


def test_a_teachers_link_shows_the_class_as_a_table_with_headers(link: Link, browse: Browse) -> None:
    page = browse(link("teacher", "t1", class_id="7b"))
    assert '<th scope="col">' in page.text
    assert '<th scope="row">' in page.text
    assert "student-29" in page.text


@pytest.mark.parametrize("change", ["letter", "signature", "truncated", "nonsense"])
def test_a_changed_link_is_refused(link: Link, client: httpx.Client, change: str) -> None:
    path = link("learner", "student-1")
    changed = {
        "letter": path[:40] + ("B" if path[40] == "A" else "A") + path[41:],
        "signature": path[:-2] + ("AA" if path[-2:] != "AA" else "BB"),
        "truncated": path[:-20],
        "nonsense": path.rpartition("/")[0] + "/x.y",
    }[change]
    found = client.get(changed, follow_redirects=True)
    assert found.status_code == 403
    assert "student-1" not in found.text
    assert "cannot be opened" in found.text


def test_a_link_that_ran_out_says_so(link: Link, client: httpx.Client) -> None:
    found = client.get(link("learner", "student-1", days=-0.01), follow_redirects=True)
    assert found.status_code == 403
    assert "has run out" in found.text


def test_a_link_is_no_session_and_a_learner_is_no_teacher(link: Link, client: httpx.Client) -> None:
    path = link("learner", "student-1")
    ticket = path.rpartition("/")[2]
    assert client.get(f"/pages/school/s/{ticket}/week").status_code == 403
    base = str(client.get(path, follow_redirects=True).url).rpartition("/")[0]
    for page in ("class", "class.csv"):
        found = client.get(f"{base}/{page}")
        assert found.status_code == 403
        assert "student-2" not in found.text


@pytest.mark.parametrize(("role", "back"), [("learner", "week"), ("parent", "week"), ("teacher", "class")])
def test_an_address_that_is_no_page_is_a_page_with_the_way_back(
    link: Link, client: httpx.Client, role: str, back: str
) -> None:
    first = client.get(link(role, "student-1", class_id="7b"), follow_redirects=True)
    base = first.url.path.rpartition("/")[0]
    for method, path, status in (
        ("GET", f"{base}/wek", 404),
        ("GET", f"{base}/{back}/more", 404),
        ("PUT", f"{base}/{back}", 405),
    ):
        found = client.request(method, path)
        assert found.status_code == status
        assert found.headers["content-type"].startswith("text/html")
        assert "There is no such page" in found.text
        assert f'href="{base}/{back}"' in found.text
    assert client.get(f"{base}/{back}").status_code == 200
    assert found.headers["allow"] == "GET"


@pytest.mark.parametrize(
    "path", ["/pages/", "/pages/school", "/pages/school/s/x.y/week/more", "/lti/x", "/calendar/x"]
)
def test_an_address_that_is_no_page_is_a_page_to_who_has_no_session(client: httpx.Client, path: str) -> None:
    found = client.get(path, headers={"accept-language": "es"})
    assert found.status_code == 404
    assert "Esa página no existe" in found.text
    assert found.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_form_needs_the_mark_of_its_session_and_action(
    link: Link, client: httpx.Client, browse: Browse
) -> None:
    page = browse(link("learner", "student-1"))
    form = page.form("rate")
    fields = dict(form["fields"])
    for forged in ({**fields, "form": ""}, {**fields, "form": page.form("choose")["fields"]["form"]}):
        found = client.post(form["action"], data=forged)
        assert found.status_code == 403
        assert "nothing was changed" in found.text
    told = {"sec-fetch-site": "cross-site"}
    assert client.post(form["action"], data=fields, headers=told).status_code == 403


def test_script_in_titles_tags_and_ids_is_inert_on_every_page(school: Path, serving: Any, link: Link) -> None:
    evil = "<script>alert(1)</script>"
    with Workspace.open(school, environment={}) as space:
        changed = [
            replace(one, title=f"{evil}{one.title}", url='https://x.org/"onload="alert(1)')
            for one in space.catalogue().resources
        ]
        space.set_catalogue(replace(space.catalogue(), resources=tuple(changed)))
    with serving(school) as client:
        for role, pages in (
            (
                "learner",
                ("week", "me", "plan", "feedback", "print", "offline.html", "check?skill=unit-rates"),
            ),
            ("teacher", ("class", "monday", "learner?who=1", "asked", "groups", "policy", "report")),
        ):
            first = client.get(link(role, "student-1", class_id=evil), follow_redirects=True)
            base = str(first.url).rpartition("/")[0]
            for page in pages:
                text = client.get(f"{base}/{page}").text
                assert "alert(1)</script>" not in text, page
                assert '"onload=' not in text, page
                assert text.count("<script") <= 1, page
