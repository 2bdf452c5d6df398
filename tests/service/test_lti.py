"""An LMS launches Segue: signed launches are taken once, others refused, progress reaches the gradebook."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from typer.testing import CliRunner

from segue.cli.main import app

pytest.importorskip("pylti1p3")

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
AGS, NRPS = "https://purl.imsglobal.org/spec/lti-ags/", "https://purl.imsglobal.org/spec/lti-nrps/"
MEMBER = "http://purl.imsglobal.org/vocab/lis/v2/membership#"
PEER = Path(__file__).resolve().parents[3] / "shared" / "tools" / "lti_peer.py"
SECRET_NAME = "Zebedee Quillfeather"


class Platform(ThreadingHTTPServer):
    """The LMS's side: its keys, its tokens, its roster and its gradebook."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.base = f"http://127.0.0.1:{self.server_port}"
        self.scores: list[dict[str, Any]] = []

    def token(self, nonce: str, *, key: Any = None, role: str = "Learner", **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": self.base,
            "aud": "segue",
            "sub": "student-3",
            "name": SECRET_NAME,
            "iat": now,
            "exp": now + 60,
            "nonce": nonce,
            CLAIM + "version": "1.3.0",
            CLAIM + "deployment_id": "dep-1",
            CLAIM + "message_type": "LtiResourceLinkRequest",
            CLAIM + "target_link_uri": "http://tool/launch",
            CLAIM + "resource_link": {"id": "rl-1"},
            CLAIM + "roles": [MEMBER + role],
            CLAIM + "context": {"id": "7b"},
            AGS + "claim/endpoint": {"scope": [AGS + "scope/score"], "lineitem": self.base + "/item"},
            NRPS + "claim/namesroleservice": {"context_memberships_url": self.base + "/members"},
        }
        return jwt.encode(claims | changes, key or self.key, algorithm="RS256", headers={"kid": "p1"})


class _Handler(BaseHTTPRequestHandler):
    server: Platform

    def log_message(self, *args: object) -> None:
        return

    def do_GET(self) -> None:
        jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.server.key.public_key()))
        members = [{"user_id": f"student-{n}", "roles": [MEMBER + "Learner"]} for n in range(1, 9)]
        answers = {
            "/jwks": {"keys": [jwk | {"kid": "p1", "alg": "RS256"}]},
            "/members": {"id": "m", "context": {"id": "7b"}, "members": members},
        }
        self._answer(answers[self.path])

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/item/scores":
            self.server.scores.append(json.loads(body))
        self._answer({"access_token": "t", "token_type": "Bearer", "expires_in": 60, "scope": ""})

    def _answer(self, content: object) -> None:
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def platform() -> Iterator[Platform]:
    server = Platform()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def registered(school: Path, **settings: str) -> None:
    options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    done = CliRunner().invoke(app, ["lti", "register", str(school), *options])
    assert done.exit_code == 0, done.output


@pytest.fixture
def tool(platform: Platform, school: Path, serving: Any) -> Iterator[httpx.Client]:
    base = platform.base
    registered(
        school,
        issuer=base,
        client_id="segue",
        deployment="dep-1",
        auth_login_url=base + "/auth",
        auth_token_url=base + "/token",
        key_set_url=base + "/jwks",
    )
    with serving(school) as client:
        yield client


def logged_in(tool: httpx.Client, platform: Platform) -> tuple[dict[str, str], dict[str, str]]:
    """Start a login; return its state and nonce, and the cookies the browser keeps."""
    form = {"iss": platform.base, "login_hint": "x", "client_id": "segue", "target_link_uri": "http://tool"}
    answer = tool.post("/lti/school/login", data=form)
    assert answer.status_code == 302
    query = {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    return query, {
        c.split("=")[0]: c.split("=")[1].split(";")[0] for c in answer.headers.get_list("set-cookie")
    }


def launched(
    tool: httpx.Client, login: tuple[dict[str, str], dict[str, str]], token: str, **form: str
) -> httpx.Response:
    query, cookies = login
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    sent = {"id_token": token, "state": query["state"]} | form
    return tool.post("/lti/school/launch", data=sent, headers={"cookie": cookie})


def test_a_learner_sees_the_playlist_and_the_gradebook_its_progress(
    tool: httpx.Client, platform: Platform
) -> None:
    login = logged_in(tool, platform)
    first = launched(tool, login, platform.token(login[0]["nonce"]))
    assert first.status_code == 200
    assert first.text.count("<li>") == 10
    assert SECRET_NAME not in first.text
    again = logged_in(tool, platform)
    assert launched(tool, again, platform.token(again[0]["nonce"])).text == first.text
    while len(platform.scores) < 2:
        time.sleep(0.02)
    assert {(s["userId"], s["scoreGiven"], s["scoreMaximum"]) for s in platform.scores} == {
        ("student-3", 0, 10)
    }


def test_a_teacher_sees_the_class_by_the_courses_own_roster(tool: httpx.Client, platform: Platform) -> None:
    login = logged_in(tool, platform)
    page = launched(tool, login, platform.token(login[0]["nonce"], role="Instructor")).text
    assert "8 learners" in page
    assert set(re.findall(r"student-\d+", page)) <= {f"student-{n}" for n in range(1, 9)}


def test_a_launch_is_good_once(tool: httpx.Client, platform: Platform) -> None:
    login = logged_in(tool, platform)
    token = platform.token(login[0]["nonce"])
    assert launched(tool, login, token).status_code == 200
    refused = launched(tool, login, token)
    assert refused.status_code == 400
    assert "used already" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    "changes",
    [{"aud": "other"}, {"iss": "http://nobody"}, {"exp": 1}, {CLAIM + "deployment_id": "dep-9"}],
    ids=["audience", "issuer", "expired", "deployment"],
)
def test_a_launch_with_a_wrong_claim_is_refused(
    tool: httpx.Client, platform: Platform, changes: dict[str, Any]
) -> None:
    login = logged_in(tool, platform)
    assert launched(tool, login, platform.token(login[0]["nonce"], **changes)).status_code == 400


def test_a_launch_of_another_key_login_or_browser_is_refused(tool: httpx.Client, platform: Platform) -> None:
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


def test_another_school_is_not_there(tool: httpx.Client) -> None:
    assert tool.get("/lti/elsewhere/jwks").status_code == 404


def test_a_foreign_platform_with_its_attacks(school: Path, serving: Any, tmp_path: Path) -> None:
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
        checks = [*where, "--deep-link", "--scores", "1", "--wait", "10"]
        run = subprocess.run([*play, *checks], capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("PASS") == 16
