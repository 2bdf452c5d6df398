"""The state of a login, signed rather than remembered: any worker can take up what another began.

The state names the platform and when it runs out, and is bound to the browser by a cookie whose digest it
holds. The nonce follows from the state, so that a token of one login fits no other. What the platform sent to
begin the login is in the state too: where a frame's cookies are blocked, it is begun again in a tab.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from segue.lms.lti.platforms import LtiError

LOGIN_SECONDS = 300
LONGEST_AGAIN = 4_000  # letters of what a platform sent; more is not carried in a state
UNKNOWN = "this login is unknown, of another browser, or expired"


@dataclass(frozen=True)
class LoginState:
    """A login under way: what travels with the browser, and until when (seconds since 1970).

    `bound` is False when the browser kept no cookie of it; `again` is then what begins the login anew.
    """

    state: str
    nonce: str
    platform: str
    until: float
    bound: bool = True
    again: Mapping[str, str] = field(default_factory=dict)

    @property
    def cookie(self) -> str:
        """Name of the cookie that binds the state to a browser."""
        return cookie_of(self.state)


def cookie_of(state: str) -> str:
    """Return the name of a state's cookie: each login has its own, so that two tabs don't meet."""
    return "segue-lti-" + hashlib.sha256(state.encode()).hexdigest()[:16]


def begin(
    secret: bytes, platform: str, *, now: float, again: Mapping[str, str] | None = None
) -> tuple[LoginState, str]:
    """Return the state of a new login, and the value of its cookie."""
    browser = secrets.token_urlsafe(24)
    until = now + LOGIN_SECONDS
    said: dict[str, object] = {"p": platform, "u": round(until), "b": _digest(browser)}
    said["r"] = secrets.token_hex(8)
    if again and sum(map(len, again.values())) <= LONGEST_AGAIN:
        said["a"] = dict(again)
    body = _b64(json.dumps(said).encode())
    state = f"{body}.{_b64(hmac.digest(secret, body.encode(), 'sha256'))}"
    return LoginState(state, _nonce(secret, state), platform, until), browser


def resume(secret: bytes, state: str, cookies: Mapping[str, str], *, now: float) -> LoginState:
    """Return the login that a state belongs to.

    Raises
    ------
    LtiError
        For a state that was not signed here, has run out, or came with another browser's cookies.
    """
    body, _, signature = state.partition(".")
    if not hmac.compare_digest(_b64(hmac.digest(secret, body.encode(), "sha256")), signature):
        raise LtiError(UNKNOWN)
    said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    browser = cookies.get(cookie_of(state))
    bound = browser is not None
    if said["u"] < now or (bound and not hmac.compare_digest(_digest(browser or ""), said["b"])):
        raise LtiError(UNKNOWN)
    return LoginState(state, _nonce(secret, state), said["p"], said["u"], bound, said.get("a", {}))


def _nonce(secret: bytes, state: str) -> str:
    return hmac.digest(secret, b"nonce:" + state.encode(), "sha256").hex()[:40]


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:32]


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
