"""Calls to the platform: its keys, access tokens, the roster, the gradebook.

A platform may answer late, wrongly, or not at all. Every call has an end, reads a bounded answer, follows no
redirect and goes to hosts of the registered platform alone; whoever asks decides what to do without.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import jwt

from segue.lms.lti.launch import AGS, NRPS, Launch, called, role_of
from segue.lms.lti.platforms import LtiError, Platform
from segue.lms.lti.signing_keys import Keys
from segue.lms.records.untrusted_values import is_id, learner_id

CALL_SECONDS, ROSTER_SECONDS = 5.0, 10.0
ANSWER_BYTES = 5_000_000
MOST_PAGES = 100
KEYS_SECONDS, KEYS_AGAIN_SECONDS = 3600.0, 10.0  # keys are believed so long, asked for again so soon
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class PlatformAnswer:
    """What the platform answered, and where the next page is ("" for nowhere)."""

    body: bytes
    next_page: str

    def json(self) -> Any:
        """Return the body as JSON.

        Raises
        ------
        LtiError
            When it is none.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise LtiError("the platform's answer is no JSON", status=502) from None


_FIELDS = {"lis.person_sourcedid": "lis_person_sourcedid", "email": "email"}
"""Where a member of a roster has the id of a claim."""


class PlatformServices:
    """The calls of one tool; tokens belong to the tool, not to people, and are kept until they run out."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._tokens: dict[tuple[str, str, str], tuple[str, float]] = {}
        self._key_sets: dict[str, tuple[Mapping[str, jwt.PyJWK], float]] = {}
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def key(self, platform: Platform, kid: str | None) -> jwt.PyJWK:
        """Return the platform's public key of an id; keys are asked for again when the id is new.

        Raises
        ------
        LtiError
            When there is no such key, or the platform did not tell.
        """
        url, now = platform.key_set_url, time.monotonic()
        found, asked = self._key_sets.get(url, ({}, -KEYS_SECONDS))
        stale = now - asked > KEYS_SECONDS or (_of(found, kid) is None and now - asked > KEYS_AGAIN_SECONDS)
        if stale:
            try:
                found = _key_set(await self._json("GET", url))
            except LtiError:
                if _of(found, kid) is None:
                    raise
            self._key_sets[url] = (found, now)
        key = _of(found, kid)
        if key is None:
            raise LtiError("the platform has no key of this id")
        return key

    async def roster(self, launch: Launch) -> dict[str, str] | None:
        """Return the course's learners, by id: what each is called ("" when not told); addresses are dropped.

        None where the platform names nobody, not even a teacher: it is silent, the course is not empty.

        Raises
        ------
        LtiError
            When the platform does not answer in 10 s, or with something that is no roster.
        """
        if not launch.roster_url:
            return None
        try:
            async with asyncio.timeout(ROSTER_SECONDS):
                members = [member async for member in self._members(launch)]
        except TimeoutError:
            raise LtiError("the platform's roster took too long", status=502) from None
        here = {_inside(one, launch.platform): called(one.get("name")) for one in members if _is_here(one)}
        return here if members else None

    async def _members(self, launch: Launch) -> AsyncIterator[dict[str, Any]]:
        scope = NRPS + "scope/contextmembership.readonly"
        accept = {"accept": "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"}
        url = launch.roster_url
        for _ in range(MOST_PAGES):
            token = await self._token(launch.platform, [scope])
            response = await self._call("GET", url, headers=accept | token)
            page = response.json()
            members = page.get("members") if isinstance(page, dict) else None
            if not isinstance(members, list):
                raise LtiError("the platform's roster has no list of members", status=502)
            for member in members:
                if isinstance(member, dict) and is_id(member.get("user_id")):
                    yield member
            if not response.next_page:
                return
            url = launch.platform.checked(response.next_page, "roster")
        raise LtiError("the platform's roster has no end", status=502)

    async def send_score(
        self,
        platform: Platform,
        score_url: str,
        learner: str,
        *,
        given: int,
        of: int,
        done: bool,
        now: datetime,
    ) -> None:
        """Report `given` of `of` steps to the gradebook; the grade is pending until the list is `done`.

        Raises
        ------
        LtiError
            When the platform does not take it.
        """
        url = httpx.URL(platform.checked(score_url, "score"))
        score = {
            "userId": learner,
            "timestamp": now.isoformat(timespec="milliseconds"),
            "scoreGiven": given,
            "scoreMaximum": of,
            "activityProgress": "Completed" if done else "InProgress",
            "gradingProgress": "FullyGraded" if done else "Pending",
        }
        token = await self._token(platform, [AGS + "scope/score"])
        kind = {"content-type": "application/vnd.ims.lis.v1.score+json"}
        where = str(url.copy_with(path=url.path.rstrip("/") + "/scores"))
        await self._call("POST", where, headers=kind | token, json=score)

    async def _token(self, platform: Platform, scopes: Sequence[str]) -> dict[str, str]:
        now, scope = time.monotonic(), " ".join(scopes)
        name = (platform.auth_token_url, platform.client_id, scope)
        token, until = self._tokens.get(name, ("", 0.0))
        if until < now:
            seconds = int(time.time())
            claims: dict[str, Any] = {
                "iss": platform.client_id,
                "sub": platform.client_id,
                "aud": platform.auth_token_url,
            }
            claims |= {"iat": seconds - 5, "exp": seconds + 60, "jti": uuid.uuid4().hex}
            form = {
                "grant_type": "client_credentials",
                "client_assertion_type": ASSERTION,
                "client_assertion": self._keys.sign(claims),
                "scope": scope,
            }
            answer = await self._json("POST", platform.auth_token_url, data=form)
            given = answer if isinstance(answer, dict) else {}
            token, lasts = str(given.get("access_token") or ""), given.get("expires_in", 0)
            if not token:
                raise LtiError("the platform gave no access token", status=502)
            self._tokens[name] = token, now + (lasts - 60 if isinstance(lasts, int | float) else 0)
        return {"authorization": f"Bearer {token}"}

    async def _json(self, method: str, url: str, **content: Any) -> Any:
        return (await self._call(method, url, **content)).json()

    async def _call(self, method: str, url: str, **content: Any) -> PlatformAnswer:
        if self._client is None:
            limits = httpx.Limits(max_connections=50, max_keepalive_connections=10)
            self._client = httpx.AsyncClient(timeout=CALL_SECONDS, limits=limits, follow_redirects=False)
        try:
            async with asyncio.timeout(ROSTER_SECONDS):
                request = self._client.build_request(method, url, **content)
                response = await self._client.send(request, stream=True)
                try:
                    body = await _body(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise LtiError("the platform took too long to answer", status=502) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise LtiError(f"the platform cannot be asked: {type(error).__name__}", status=502) from None
        if not response.is_success:
            raise LtiError(f"the platform answered with status {response.status_code}", status=502)
        return PlatformAnswer(body, response.links.get("next", {}).get("url", ""))


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > ANSWER_BYTES:
            raise LtiError("the platform's answer has no end", status=502)
    return bytes(body)


def _key_set(found: Any) -> Mapping[str, jwt.PyJWK]:
    try:
        return {str(key.key_id): key for key in jwt.PyJWKSet.from_dict(found).keys if key.key_type == "RSA"}
    except Exception as error:  # whatever the platform sent, it is no key set
        raise LtiError(f"the platform's key set cannot be read: {type(error).__name__}", status=502) from None


def _of(found: Mapping[str, jwt.PyJWK], kid: str | None) -> jwt.PyJWK | None:
    if kid is None:
        return next(iter(found.values())) if len(found) == 1 else None
    return found.get(kid)


def _is_here(member: Mapping[str, Any]) -> bool:
    """Tell whether a member of a roster is a learner who has not left."""
    roles = member.get("roles")
    active = member.get("status", "Active") == "Active"
    return active and isinstance(roles, list) and role_of(map(str, roles)) == "learner"


def _inside(member: Mapping[str, Any], platform: Platform) -> str:
    known_as = learner_id(member.get(_FIELDS.get(platform.learner_claim, "")))
    return known_as if is_id(known_as) else platform.inside(member["user_id"])
