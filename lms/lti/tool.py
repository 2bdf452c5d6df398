"""LTI 1.3 Advantage: Segue as a tool that an LMS launches, on pylti1p3next; knows no web framework.

The library accepts a launch that is played a second time, and keeps the whole token of a launch (with the
person's name) for a day. Here a login's state and nonce belong together and are good for one launch, and
nothing of a token is kept.
"""

from __future__ import annotations

import html
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pylti1p3.deep_link_resource import DeepLinkResource
from pylti1p3.exception import LtiException, OIDCException
from pylti1p3.grade import Grade
from pylti1p3.message_launch import MessageLaunch
from pylti1p3.registration import Registration
from pylti1p3.session import SessionService
from pylti1p3.tool_config.dict import ToolConfDict

from segue.lms.lti.pylti_adapters import Cookies, Form, LaunchMessage, LoginFlow, NoStorage

LOGIN_SECONDS = 300
Clock = Callable[[], float]


class LtiError(ValueError):
    """The launch is not taken; the message says why and repeats nothing of the token."""


@dataclass(frozen=True)
class Platform:
    """One LMS this tool is registered with."""

    issuer: str
    client_id: str
    deployment_ids: tuple[str, ...]
    auth_login_url: str
    auth_token_url: str
    key_set_url: str


@dataclass(frozen=True)
class Login:
    """Where to send the browser, and the cookies to set on the way."""

    url: str
    cookies: Mapping[str, str]


class OneUse:
    """Remembers keys for a while; each can be taken once, by one thread."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def put(self, key: str, seconds: float) -> None:
        """Remember `key` for `seconds`."""
        now = self._clock()
        with self._lock:
            self._until = {k: until for k, until in self._until.items() if until > now}
            self._until[key] = now + seconds

    def take(self, key: str) -> bool:
        """Return whether `key` is known and has not been taken yet, and take it."""
        with self._lock:
            return self._until.pop(key, 0.0) > self._clock()


class Keys:
    """The tool's RSA keys in a folder (mode 0600): the newest signs, all are shown to the platforms.

    Rotate by :meth:`add`; delete the old file when every platform has read the new key set.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._paths():
            self.add()

    def add(self) -> None:
        """Make a new key; from now on it signs."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        number = len(self._paths()) + 1
        path = self._folder / f"{number:04d}-{secrets.token_hex(4)}.pem"
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def newest(self) -> tuple[str, str]:
        """Return the signing key and its public half, as PEM."""
        private = self._paths()[-1].read_text()
        return private, _public(private)

    def jwks(self) -> dict[str, list[Mapping[str, Any]]]:
        """Return the public keys as a JSON web key set, newest first."""
        return {"keys": [Registration.get_jwk(_public(p.read_text())) for p in reversed(self._paths())]}

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.pem"))


def _public(private: str) -> str:
    key = serialization.load_pem_private_key(private.encode(), None)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return public.decode()


class Launch:
    """A launch that was checked: who, in which role, where; and the services it allows."""

    def __init__(self, message: MessageLaunch[Any, Any, Any, Any]) -> None:
        self._message = message
        data = message.get_launch_data()
        self.learner = str(data["sub"])
        context = data.get("https://purl.imsglobal.org/spec/lti/claim/context") or {}
        self.class_id = str(context.get("id", ""))
        self.is_teacher = message.check_teacher_access() or message.check_teaching_assistant_access()
        self.is_deep_link = message.is_deep_link_launch()

    def deep_link_form(self, *, title: str, url: str) -> str:
        """Return the page that hands one link to the platform, signed, and posts itself."""
        deep_link = self._message.get_deep_link()
        token = deep_link.get_response_jwt([DeepLinkResource().set_title(title).set_url(url)])
        settings = self._message.get_launch_data()[
            "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings"
        ]
        address = html.escape(str(settings["deep_link_return_url"]), quote=True)
        return (
            f'<form id="place" action="{address}" method="POST">'
            f'<input type="hidden" name="JWT" value="{html.escape(token, quote=True)}">'
            '<button type="submit">Add the playlist to the course</button></form>'
            '<script>document.getElementById("place").submit()</script>'
        )

    def send_score(self, *, done: int, of: int, now: datetime) -> bool:
        """Report `done` steps of `of` to the gradebook; return False where the platform offers none."""
        if of < 1 or not self._message.has_ags():
            return False
        service = self._message.get_ags()
        if not service.can_put_grade():
            return False
        grade = Grade().set_score_given(done).set_score_maximum(of).set_user_id(self.learner)
        grade.set_timestamp(now.isoformat()).set_grading_progress("FullyGraded")
        grade.set_activity_progress("Completed" if done >= of else "InProgress" if done else "Started")
        service.put_grade(grade)
        return True

    def roster(self) -> tuple[str, ...]:
        """Return the ids of the course's learners; names and addresses are dropped unread."""
        if not self._message.has_nrps():
            return ()
        members = self._message.get_nrps().get_members()
        return tuple(str(m["user_id"]) for m in members if any("Learner" in role for role in m["roles"]))


class Tool:
    """The tool's side of LTI for a set of platforms.

    State lives in this process: serve it with one worker.
    """

    def __init__(self, platforms: Sequence[Platform], keys: Keys, *, clock: Clock = time.monotonic) -> None:
        self.platforms = tuple(platforms)
        self._keys = keys
        self._logins = OneUse(clock)

    @classmethod
    def load(cls, folder: Path) -> Tool:
        """Return the tool of `folder`: ``platforms.json`` (a list of :class:`Platform`) and ``keys/``."""
        path = folder / "platforms.json"
        rows = json.loads(path.read_text()) if path.exists() else []
        platforms = [Platform(**row | {"deployment_ids": tuple(row["deployment_ids"])}) for row in rows]
        return cls(platforms, Keys(folder / "keys"))

    def jwks(self) -> dict[str, list[Mapping[str, Any]]]:
        """Return the public keys for the platforms."""
        return self._keys.jwks()

    def login(self, form: Mapping[str, str], *, launch_url: str) -> Login:
        """Answer a platform's login initiation (OpenID Connect third-party login)."""
        cookies = Cookies({})
        request = Form(form)
        session = SessionService(request)
        session.set_data_storage(NoStorage())
        login = LoginFlow(request, self._config(), session_service=session, cookie_service=cookies)
        try:
            url = login.get_redirect_object(launch_url).get_redirect_url()
        except (OIDCException, LtiException) as error:
            raise LtiError(f"login refused: {error}") from None
        query = parse_qs(urlsplit(url).query)
        self._logins.put(f"{query['state'][0]} {query['nonce'][0]}", LOGIN_SECONDS)
        return Login(url, cookies.to_set)

    def launch(self, form: Mapping[str, str], cookies: Mapping[str, str]) -> Launch:
        """Check a launch and return it.

        Raises
        ------
        LtiError
            For a token that is forged, expired, of another audience, issuer or deployment, or a login that is
            unknown, of another browser, or already used.
        """
        request = Form(form)
        session = SessionService(request)
        session.set_data_storage(NoStorage())
        message = LaunchMessage(
            request, self._config(), session_service=session, cookie_service=Cookies(cookies)
        )
        try:
            message.validate()
            nonce = message.get_launch_data()["nonce"]
        except Exception as error:
            # The library lets errors of its JSON and key parsing through: each means a token nobody signed.
            raise LtiError(f"launch refused: {type(error).__name__}") from None
        if not self._logins.take(f"{form.get('state')} {nonce}"):
            raise LtiError("launch refused: this login is unknown, expired, or was used already; start again")
        return Launch(message)

    def _config(self) -> ToolConfDict:
        by_issuer: dict[str, Any] = {}
        for platform in self.platforms:
            row = {**platform.__dict__, "deployment_ids": list(platform.deployment_ids), "default": True}
            by_issuer.setdefault(platform.issuer, []).append(row)
        config = ToolConfDict(by_issuer)
        private, public = self._keys.newest()
        for platform in self.platforms:
            config.set_private_key(platform.issuer, private, client_id=platform.client_id)
            config.set_public_key(platform.issuer, public, client_id=platform.client_id)
        return config
