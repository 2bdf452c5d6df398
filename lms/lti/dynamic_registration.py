"""LTI dynamic registration: an administrator opens an invitation, and the two sides tell each other all.

The invitation is signed, good for one registration, runs out, and names the hosts of the platform: addresses
elsewhere are never asked. Written from the 1EdTech specification (LTI Dynamic Registration 1.0), and tried
against a stub that follows it.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from segue.lms.lti.launch import AGS, NRPS
from segue.lms.lti.platforms import LtiError, Platform
from segue.lms.records.untrusted_values import obj, text

Sign = Callable[[str], bytes]
"""The tenant's keyed digest of a text."""
SECONDS = 10.0  # for one answer, from its first byte to its last too
ANSWER_BYTES = 1_000_000
LONGEST = 4_000
TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
SCOPES = (AGS + "scope/lineitem", AGS + "scope/score", NRPS + "scope/contextmembership.readonly")


@dataclass(frozen=True)
class Invitation:
    """Who may register: a platform on these hosts, once, until `expires` (UTC epoch seconds).

    `learner_claim` is as of :class:`Platform`, `ids` what was said of the ids (see ``platforms.ids_apart``).
    """

    hosts: tuple[str, ...]
    learner_claim: str
    expires: int
    number: str
    ids: str | None = None

    @classmethod
    def to(
        cls, hosts: tuple[str, ...], learner_claim: str, *, ids: str | None, until: datetime
    ) -> Invitation:
        """Return a new invitation."""
        return cls(hosts, learner_claim, int(until.timestamp()), secrets.token_urlsafe(9), ids)

    def signed(self, sign: Sign) -> str:
        """Return the invitation as text for an address."""
        packed = json.dumps(asdict(self), separators=(",", ":")).encode()
        body = base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
        return f"{body}.{_signature(body, sign)}"


def read_invitation(signed: str, sign: Sign, *, now: datetime) -> Invitation:
    """Return what was signed.

    Raises
    ------
    LtiError
        When it was changed, or has run out.
    """
    body, _, signature = signed.partition(".")
    right = _signature(body, sign).encode()
    if len(signed) > LONGEST or not hmac.compare_digest(signature.encode(), right):
        raise LtiError("the invitation was not made here", status=403)
    said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    found = Invitation(**said | {"hosts": tuple(said["hosts"])})
    if found.expires <= now.timestamp():
        raise LtiError("the invitation has run out", status=403)
    return found


async def registered(invitation: Invitation, query: Mapping[str, str], *, here: str, ids: str) -> Platform:
    """Register this tool, reached below `here` (``https://host/lti/school``), and return the platform.

    `ids` sets its users and courses apart.

    Raises
    ------
    LtiError
        When an address lies on no host of the invitation, or the platform's answer lacks what is needed.
    """
    asked = query.get("openid_configuration", "")
    _inside(invitation, asked, "configuration")
    token = query.get("registration_token", "")
    if not token.isascii() or len(token) > LONGEST:
        raise LtiError("the registration token is none", status=403)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    limits = {"timeout": SECONDS, "follow_redirects": False}
    async with httpx.AsyncClient(**limits, headers=headers) as client:  # type: ignore[arg-type]
        said = await _json(client, "GET", asked)
        names = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "registration_endpoint")
        issuer, login, tokens, keys, register = (text(said.get(name)) for name in names)
        for url, what in zip((issuer, login, tokens, keys, register), names, strict=True):
            _inside(invitation, url, what)
        answer = await _json(client, "POST", register, body=_this_tool(here, said.get("scopes_supported")))
    client_id = text(answer.get("client_id"))
    if not client_id:
        raise LtiError("the platform gave no client_id", status=502)
    deployment = text(obj(answer.get(TOOL)).get("deployment_id"))
    deployments = (deployment,) if deployment else ()
    hosts = tuple(host for host in invitation.hosts if host != urlsplit(issuer).netloc)
    urls = login, tokens, keys
    return Platform(issuer, client_id, deployments, *urls, hosts, invitation.learner_claim, ids)


def _inside(invitation: Invitation, url: str, what: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    local = parts.hostname in ("127.0.0.1", "localhost")
    if parts.netloc not in invitation.hosts or parts.scheme not in (
        ("https", "http") if local else ("https",)
    ):
        raise LtiError(f"the platform's {what} is on no host of the invitation", status=403)


async def _json(client: httpx.AsyncClient, method: str, url: str, *, body: Any = None) -> dict[str, Any]:
    content = bytearray()
    try:
        async with asyncio.timeout(SECONDS), client.stream(method, url, json=body) as answer:
            async for part in answer.aiter_bytes():
                content += part
                if len(content) > ANSWER_BYTES:
                    raise LtiError("the platform's answer is too long", status=502)
            if not answer.is_success:
                raise LtiError(f"the platform answered {answer.status_code}", status=502)
        return obj(json.loads(bytes(content)))
    except TimeoutError:
        raise LtiError("the platform's answer took too long", status=502) from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
        if isinstance(error, LtiError):
            raise
        raise LtiError("the platform did not answer as it should", status=502) from None


def _this_tool(here: str, supported: object) -> dict[str, Any]:
    """Return what this tool says of itself; only scopes that the platform has are asked for."""
    known = supported if isinstance(supported, list) else list(SCOPES)
    launch = f"{here}/launch"
    return {
        "application_type": "web",
        "response_types": ["id_token"],
        "grant_types": ["implicit", "client_credentials"],
        "initiate_login_uri": f"{here}/login",
        "redirect_uris": [launch],
        "client_name": "Segue",
        "jwks_uri": f"{here}/jwks",
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": " ".join(scope for scope in SCOPES if scope in known),
        TOOL: {
            "domain": urlsplit(here).netloc,
            "target_link_uri": launch,
            "claims": ["iss", "sub", "name"],
            "messages": [
                {"type": "LtiResourceLinkRequest", "target_link_uri": launch},
                {"type": "LtiDeepLinkingRequest", "target_link_uri": launch},
            ],
        },
    }


def _signature(body: str, sign: Sign) -> str:
    return base64.urlsafe_b64encode(sign(f"invitation:{body}")).rstrip(b"=").decode()
