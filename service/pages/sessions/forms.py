"""Posted forms: read within limits, and only from a page of the same session."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request

from segue.service.http.refusals import RefusedError

MOST_FIELDS, LONGEST = 200, 400_000  # a class of 500 approved at once names each step
MARK = "form"  # the hidden field's name
UNWANTED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, and what turns the direction of a text round; ids may hold any others."""


@dataclass(frozen=True)
class Form:
    """The fields of a posted form, in order."""

    fields: tuple[tuple[str, str], ...]

    def one(self, name: str, default: str = "") -> str:
        """Return the first value of a field."""
        return next((value for key, value in self.fields if key == name), default).strip()

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a field."""
        return tuple(value.strip() for key, value in self.fields if key == name and value.strip())


async def read_form(request: Request) -> Form:
    """Return the fields of a posted form.

    Raises
    ------
    RefusedError
        400 for what is no form in UTF-8, 403 for one that another site sent, 413 for too much.
    """
    if request.headers.get("sec-fetch-site") == "cross-site":
        raise RefusedError(403, "forged", "this form came from another site")
    body = await request.body()
    if len(body) > LONGEST:
        raise RefusedError(413, "too_large", "this form is too long")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise RefusedError(400, "form", "the body must be a posted form in UTF-8") from None
    return _form(pairs)


def asked(request: Request) -> Form:
    """Return the fields of an address, as those of a form."""
    return _form(request.query_params.multi_items())


def _form(pairs: Iterable[tuple[str, str]]) -> Form:
    return Form(tuple((key, UNWANTED.sub("", value)) for key, value in pairs))
