"""The LMS's side of LTI, for tests and for the study of load: keys, tokens, a roster, a gradebook."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from typer.testing import CliRunner

from segue.cli.main import app

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
AGS, NRPS = "https://purl.imsglobal.org/spec/lti-ags/", "https://purl.imsglobal.org/spec/lti-nrps/"
MEMBER = "http://purl.imsglobal.org/vocab/lis/v2/membership#"
TEST_STUDENT = "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"  # of Canvas's student view
SECRET_NAME = "Zebedee Quillfeather"


@cache
def _key() -> rsa.RSAPrivateKey:
    """Return one key for all platforms of a process: making it takes a fifth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Platform(ThreadingHTTPServer):
    """The LMS's side: its keys, its tokens, its roster and its gradebook."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.key = _key()
        self.base = f"http://127.0.0.1:{self.server_port}"
        self.scores: list[dict[str, Any]] = []
        learners = [{"user_id": f"student-{n}", "roles": [MEMBER + "Learner"]} for n in range(1, 9)]
        learners[0] |= {"name": "Learner One"}
        teacher = {"user_id": "teacher-1", "roles": [MEMBER + "Instructor"]}
        self.roster: object = {"id": "m", "context": {"id": "7b"}, "members": [*learners, teacher]}
        self.pages: dict[str, Callable[[dict[str, str]], str]] = {}
        self.away = False
        self.roster_seconds = 0.0
        self.scores_taken = threading.Event()  # until it is set, who sends a score is kept waiting
        self.scores_taken.set()
        self.scores_sent = 0
        self.refused = 0

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that did not wait for the answer."""

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
        if self.path == "/members":
            time.sleep(self.server.roster_seconds)
        jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.server.key.public_key()))
        where = urlsplit(self.path)
        if where.path in self.server.pages:
            asked = {name: values[0] for name, values in parse_qs(where.query).items()}
            self._send("text/html", self.server.pages[where.path](asked).encode())
            return
        answers = {
            "/jwks": {"keys": [jwk | {"kid": "p1", "alg": "RS256"}]},
            "/members": self.server.roster,
        }
        self._answer(answers[self.path])

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/item/scores":
            self.server.scores_sent += 1
            self.server.scores_taken.wait(5)
        if self.path == "/item/scores" and self.server.away:
            self.server.refused += 1
            self.send_error(503)
            return
        if self.path == "/item/scores":
            self.server.scores.append(json.loads(body))
        self._answer({"access_token": "t", "token_type": "Bearer", "expires_in": 60, "scope": ""})

    def _answer(self, content: object) -> None:
        self._send("application/json", json.dumps(content).encode())

    def _send(self, kind: str, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def registered(school: Path, **settings: str) -> None:
    options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    done = CliRunner().invoke(app, ["lti", "register", str(school), *options])
    assert done.exit_code == 0, done.output


def options_of(base: str) -> list[str]:
    """Return what registers the platform at an address."""
    places = {"auth-login-url": "/auth", "auth-token-url": "/token", "key-set-url": "/jwks"}
    urls = [f"--{name}={base}{path}" for name, path in places.items()]
    return [f"--issuer={base}", "--client-id=segue", "--deployment=dep-1", *urls]


def register_platform(school: Path, base: str, **settings: str) -> None:
    """Register the platform at an address with a workspace."""
    given = dict(option.removeprefix("--").split("=", 1) for option in options_of(base))
    registered(school, **given | settings)


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
    """Post a launch, and go where its answer says, as a browser does: without any cookie."""
    query, cookies = login
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    sent = {"id_token": token, "state": query["state"]} | form
    found = tool.post("/lti/school/launch", data=sent, headers={"cookie": cookie})
    if found.status_code == 303:
        assert SECRET_NAME[:7] not in found.headers["location"]
        return tool.get(found.headers["location"])
    return found


def launch(
    tool: httpx.Client, platform: Platform, *, role: str = "Learner", **changes: Any
) -> httpx.Response:
    """Log in and launch; return the answer."""
    login = logged_in(tool, platform)
    return launched(tool, login, platform.token(login[0]["nonce"], role=role, **changes))


def until(said: Callable[[], bool]) -> None:
    """Wait until something is so."""
    for _ in range(500):
        if said():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen in 10 s")
