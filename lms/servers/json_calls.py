"""Calls to a server that speaks JSON: one host, a time limit, errors without what was sent."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

Json = Any
SECONDS = 60
LONGEST = 256_000_000


class ServerError(RuntimeError):
    """A server refused a call or did not answer; the message names the call, never what was sent."""


class RefusedCallError(ServerError):
    """A server answered that it will not do this, and would say so again."""


class JsonServer:
    """One server, with the headers that every call to it carries.

    Parameters
    ----------
    address : str
        For example ``https://lrs.example/xapi``; no call leaves its host.
    headers : mapping
        Sent with every call, a credential among them.
    handlers : urllib.request.BaseHandler
        What else each call goes through, such as a jar of cookies.
    """

    def __init__(
        self, address: str, headers: Mapping[str, str], *handlers: urllib.request.BaseHandler
    ) -> None:
        parts = urllib.parse.urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"address must start with http:// or https://, got {address!r}")
        self.address = address.rstrip("/")
        self._host = (parts.scheme, parts.netloc)
        self._headers = dict(headers)
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str, **query: str) -> Json:
        """Return what GET gives; `path` is below the address, or whole, or absolute on the same host."""
        return self.call("GET", path, query=query)

    def call(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Json:
        """Return the JSON answer of a call, None for an empty one.

        Raises
        ------
        ServerError
            When the server refuses, does not answer, answers no JSON, or the address lies on another host.
        """
        whole = self._whole(path)
        if query:
            whole += ("&" if "?" in whole else "?") + urllib.parse.urlencode(query)
        request = urllib.request.Request(whole, data=body, headers=self._headers, method=method)
        said = f"{method} {urllib.parse.urlsplit(whole).path}"
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                content = answer.read(LONGEST)
        except urllib.error.HTTPError as error:
            kind = RefusedCallError if error.code in (400, 404, 410, 422) else ServerError
            raise kind(f"{said} was refused with status {error.code}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", type(error).__name__)
            raise ServerError(f"{said} got no answer ({reason}): is the server up?") from None
        try:
            return json.loads(content) if content else None
        except ValueError:
            raise ServerError(f"{said} answered with something that is not JSON") from None

    def _whole(self, path: str) -> str:
        if path.startswith(("http://", "https://")):
            whole = path
        elif path.startswith("/"):
            whole = f"{self._host[0]}://{self._host[1]}{path}"
        else:
            whole = f"{self.address}/{path}"
        parts = urllib.parse.urlsplit(whole)
        if (parts.scheme, parts.netloc) != self._host:
            raise ServerError("the server points to another host, which is not followed")
        return whole


def basic(user: str, password: str) -> str:
    """Return the value of an Authorization header of HTTP Basic.

    >>> basic("key", "secret")
    'Basic a2V5OnNlY3JldA=='
    """
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
