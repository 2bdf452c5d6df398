"""The tool as its platforms see it: logins, launches, deep links.

Nothing of a token is kept, and nothing of a login either: its state is signed, bound to the browser and good
for one launch, which whoever calls makes sure of by a store that all workers share.
"""

from __future__ import annotations

import hashlib
import html
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt

from segue.lms.lti import login_state
from segue.lms.lti.launch import CLAIM, DEEP_LINK, LINK, Launch, launch_of
from segue.lms.lti.platform_services import PlatformServices
from segue.lms.lti.platforms import FILE, CookieBlockedError, LtiError, Platform, read_platforms
from segue.lms.lti.signing_keys import Keys

LEEWAY_SECONDS = 60  # clocks of platforms and of this machine may differ by this much
LONGEST_TOKEN = 50_000
AGAIN = ("iss", "client_id", "login_hint", "lti_message_hint", "target_link_uri", "lti_deployment_id")
Time = int | float
Once = Callable[[str, float], Awaitable[bool]]


@dataclass(frozen=True)
class Login:
    """Where to send the browser, and the cookie to set on the way."""

    url: str
    cookie: str
    value: str


class Tool:
    """LTI 1.3 for a set of platforms; `secret` signs the states of logins, alike in every worker."""

    def __init__(self, platforms: Sequence[Platform], keys: Keys, *, secret: bytes) -> None:
        self.platforms = tuple(platforms)
        self._keys, self._secret = keys, secret
        self.services = PlatformServices(keys)

    @classmethod
    def load(cls, folder: Path, *, secret: bytes) -> Tool:
        """Return the tool of `folder`: ``platforms.json`` (a list of :class:`Platform`) and ``keys/``."""
        return cls(read_platforms(folder), Keys(folder / "keys"), secret=secret)

    def jwks(self) -> dict[str, list[Mapping[str, Any]]]:
        """Return the public keys for the platforms."""
        return self._keys.jwks()

    def platform(self, issuer: str, client_id: str) -> Platform | None:
        """Return the platform of an issuer and client id; of the issuer's only one when the id is "" ."""
        mine = [p for p in self.platforms if p.issuer == issuer and client_id in ("", p.client_id)]
        return mine[0] if len(mine) == 1 else None

    def login(self, form: Mapping[str, str], *, launch_url: str, now: float) -> Login:
        """Answer a platform's login initiation (OpenID Connect third-party login).

        Raises
        ------
        LtiError
            For a platform that is not registered, or a request without its login hint.
        """
        platform = self.platform(form.get("iss", ""), form.get("client_id", ""))
        if platform is None:
            raise LtiError("no platform of this issuer and client id is registered")
        if not form.get("login_hint"):
            raise LtiError("the login has no login_hint")
        again = {name: form[name] for name in AGAIN if form.get(name)}
        state, browser = login_state.begin(self._secret, _name(platform), now=now, again=again)
        query = {
            "scope": "openid",
            "response_type": "id_token",
            "response_mode": "form_post",
            "prompt": "none",
            "client_id": platform.client_id,
            "redirect_uri": launch_url,
            "login_hint": form["login_hint"],
            "state": state.state,
            "nonce": state.nonce,
        }
        if form.get("lti_message_hint"):
            query["lti_message_hint"] = form["lti_message_hint"]
        joint = "&" if "?" in platform.auth_login_url else "?"
        return Login(f"{platform.auth_login_url}{joint}{urlencode(query)}", state.cookie, browser)

    async def launch(
        self, form: Mapping[str, str], cookies: Mapping[str, str], *, now: float, once: Once
    ) -> Launch:
        """Check a launch and return it; `once` tells whether a login is used for the first time.

        Raises
        ------
        LtiError
            For a token that is forged, expired, of another audience, issuer or deployment, a claim that is
            wrong, or a login that is unknown, of another browser, or already used.
        CookieBlockedError
            When the browser kept no cookie of the login.
        """
        state = login_state.resume(self._secret, form.get("state", ""), cookies, now=now)
        platform = next((p for p in self.platforms if _name(p) == state.platform), None)
        if platform is None:
            raise LtiError("the platform of this login is registered no more")
        if not state.bound:
            raise CookieBlockedError(platform, state.again)
        claims = await self._claims(form.get("id_token", ""), platform)
        _check_times(claims, now)
        _check_party(claims, platform)
        if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), state.nonce.encode()):
            raise LtiError("the token belongs to another login")
        launch = launch_of(claims, platform)
        if not await once(hashlib.sha256(state.state.encode()).hexdigest()[:32], state.until):
            raise LtiError("this login was used already; start again")
        return launch

    async def _claims(self, token: str, platform: Platform) -> dict[str, Any]:
        if len(token) > LONGEST_TOKEN:
            raise LtiError("the token is too long")
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = await self.services.key(platform, kid)
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=["RS256"],
                audience=platform.client_id,
                issuer=platform.issuer,
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},  # see _check_times
            )
        except jwt.PyJWTError as error:
            raise LtiError(f"the token is not taken: {type(error).__name__}") from None
        return claims

    def deep_link_forms(self, launch: Launch, *, title: str, url: str, now: float) -> str:
        """Return the forms that hand one link to the platform, signed: without a grade, and with one."""
        item = {"type": LINK, "title": title, "url": url}
        graded = item | {"lineItem": {"label": title, "scoreMaximum": 100}}
        forms = [self._deep_link_form(launch, item, "Add the playlist to the course", now=now)]
        if launch.takes_grades:
            words = "Add it with a grade for the steps that are done"
            forms.append(self._deep_link_form(launch, graded, words, now=now))
        return "".join(forms)

    def _deep_link_form(self, launch: Launch, item: Mapping[str, Any], words: str, *, now: float) -> str:
        seconds = int(now)
        answer = {
            "iss": launch.platform.client_id,
            "aud": [launch.platform.issuer],
            "iat": seconds,
            "exp": seconds + 600,
            "nonce": secrets.token_hex(20),
            CLAIM + "deployment_id": launch.deployment,
            CLAIM + "message_type": "LtiDeepLinkingResponse",
            CLAIM + "version": "1.3.0",
            DEEP_LINK + "content_items": [item],
        }
        if launch.data is not None:
            answer[DEEP_LINK + "data"] = launch.data
        token, address = self._keys.sign(answer), html.escape(launch.return_url, quote=True)
        return (
            f'<form action="{address}" method="POST">'
            f'<input type="hidden" name="JWT" value="{html.escape(token, quote=True)}">'
            f'<p><button type="submit">{words}</button></p></form>'
        )


def stamp_of(folder: Path) -> tuple[tuple[str, int], ...]:
    """Return what changes when platforms or keys of a folder do, so that a running service can notice."""
    paths = [folder / FILE, *sorted((folder / "keys").glob("*.pem"))]
    return tuple((path.name, path.stat().st_mtime_ns) for path in paths if path.exists())


def _name(platform: Platform) -> str:
    return hashlib.sha256(f"{platform.issuer} {platform.client_id}".encode()).hexdigest()[:32]


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    until, made, since = claims.get("exp"), claims.get("iat", now), claims.get("nbf", 0)
    if not (isinstance(until, Time) and isinstance(made, Time) and isinstance(since, Time)):
        raise LtiError("the token has no times")
    if not (math.isfinite(until) and math.isfinite(made) and math.isfinite(since)):
        raise LtiError("the token has times that are no numbers")
    if until < now - LEEWAY_SECONDS:
        raise LtiError("the token is expired")
    if max(made, since) > now + LEEWAY_SECONDS:
        raise LtiError("the token is from the future: a clock is wrong")


def _check_party(claims: Mapping[str, Any], platform: Platform) -> None:
    """Check the authorised party, which a token with several audiences must name (OpenID Connect 3.1.3.7)."""
    audience, party = claims.get("aud"), claims.get("azp")
    if isinstance(audience, list) and len(audience) > 1 and party is None:
        raise LtiError("the token has several audiences and names no authorised party")
    if party is not None and party != platform.client_id:
        raise LtiError("the token is for another party")
