"""Dynamic registration: an invitation registers one platform on its own hosts, once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from segue.cli.main import app
from segue.lms.lti import dynamic_registration
from segue.lms.lti.dynamic_registration import TOOL, Invitation, registered
from segue.lms.lti.platforms import LtiError, read_platforms
from tests.local_server import serving as local


class Lms(ThreadingHTTPServer):
    """Answers as the specification says: a configuration, and a registration with a bearer token."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.host = f"127.0.0.1:{self.server_port}"
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.elsewhere: dict[str, str] = {}
        self.pause_seconds = 0.0
        """After each byte."""

    def answers(self, said: dict[str, Any]) -> Any:
        """Return what is answered in the place of what would be right."""
        return said


class _Handler(BaseHTTPRequestHandler):
    server: Lms

    def log_message(self, *args: object) -> None:
        return

    def do_GET(self) -> None:
        base = f"http://{self.server.host}"
        said = {"issuer": base, "authorization_endpoint": f"{base}/auth", "jwks_uri": f"{base}/jwks"}
        said |= {"token_endpoint": f"{base}/token", "registration_endpoint": f"{base}/register"}
        self._answer(said | self.server.elsewhere)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.told.append((self.headers.get("Authorization", ""), body))
        self._answer(body | {"client_id": "c-7", TOOL: body[TOOL] | {"deployment_id": "d-1"}})

    def _answer(self, content: dict[str, Any]) -> None:
        data = json.dumps(self.server.answers(content)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if not self.server.pause_seconds:
            self.wfile.write(data)
            return
        for byte in data:
            time.sleep(self.server.pause_seconds)
            try:
                self.wfile.write(bytes([byte]))
            except OSError:  # the other side has hung up
                return


@pytest.fixture
def lms() -> Iterator[Lms]:
    with local(Lms()) as server:
        yield server


def invited(school: Path, host: str, *more: str) -> str:
    words = ["lti", "invite", str(school), "--host", host, "--address", "http://t", *more]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return done.output.strip().removeprefix("http://t")


def opened(client: httpx.Client, invitation: str, host: str) -> httpx.Response:
    query = {"openid_configuration": f"http://{host}/conf", "registration_token": "t-1"}
    return client.get(invitation, params=query)


def test_an_invitation_registers_one_platform_once(lms: Lms, school: Path, serving: Any) -> None:
    invitation = invited(school, lms.host)
    with serving(school) as client:
        assert opened(client, invitation.replace("register/", "register/x"), lms.host).status_code == 403
        assert opened(client, invitation, "169.254.169.254").status_code == 403
        lms.elsewhere = {"token_endpoint": "http://elsewhere.example/token"}
        assert opened(client, invitation, lms.host).status_code == 403
        assert not lms.told
        lms.elsewhere = {}
        done = opened(client, invitation, lms.host)
        assert done.status_code == 200, done.text
        assert "org.imsglobal.lti.close" in done.text
        assert "You can close this window" in done.text
        assert opened(client, invitation, lms.host).status_code == 403
        assert client.get("/lti/school/jwks").json()["keys"]
    token, told = lms.told[0]
    assert token == "Bearer t-1"
    assert told["initiate_login_uri"].endswith("/lti/school/login")
    assert told["token_endpoint_auth_method"] == "private_key_jwt"
    (platform,) = read_platforms(school / "lti")
    assert (platform.client_id, platform.deployment_ids) == ("c-7", ("d-1",))
    assert platform.auth_login_url == f"http://{lms.host}/auth"


def test_of_two_that_were_invited_at_once_the_second_says_whose_ids_it_has(
    lms: Lms, school: Path, serving: Any
) -> None:
    with local(Lms()) as other, serving(school) as client:
        first, second = invited(school, lms.host), invited(school, other.host)
        assert opened(client, first, lms.host).status_code == 200
        assert opened(client, second, other.host).status_code == 400
        assert not other.told, "nothing is registered on the other side either"
        apart = invited(school, other.host, "--ids", "north")
        assert opened(client, apart, other.host).status_code == 200
    assert [platform.ids for platform in read_platforms(school / "lti")] == ["", "north"]


def test_a_platform_that_answers_byte_by_byte_is_given_up(lms: Lms, monkeypatch: pytest.MonkeyPatch) -> None:
    lms.pause_seconds = 0.05  # 10 s and more for the whole answer, and never a long wait for the next byte
    monkeypatch.setattr(dynamic_registration, "SECONDS", 0.5)
    invitation = Invitation((lms.host,), "", 0, "n")
    query = {"openid_configuration": f"http://{lms.host}/conf"}
    with pytest.raises(LtiError, match="took too long"):
        asyncio.run(registered(invitation, query, here="http://t/lti/school", ids=""))
