"""What a caller reads when a request is refused: one sentence, never the data sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError
from pydantic_core import to_json
from starlette.responses import Response

BUSY = "busy"  # the code of who would wait too long
MOST_FAULTS = 5_000  # of one body that are put into words
IN_WORDS = {  # what pydantic says, and what is said here
    "Value error, ": "",
    "Tuple": "List",
    " after validation": "",
    r"String should match pattern '^[^\x00-\x1f\x7f-\x9f]+$'": "must not hold control characters",
    r"String should match pattern '^[^;\x00-\x1f\x7f-\x9f]+$'": "must be a text without semicolons",
    r"String should match pattern '^[^\x00-\x1f\x7f-\x9f]*$'": "must not hold control characters",
    r"String should match pattern '^20\d{2}-W(0[1-9]|[1-4]\d|5[0-3])$'": "must be a week such as 2026-W48",
    r"String should match pattern '^\d{1,18}$'": "must be the `next` of an answer",
}


@dataclass
class RefusedError(Exception):
    """A request that is answered by a status of 4xx or 5xx.

    `code` is for programs, `message` for people: which part, what was found, what is allowed, what to do.
    """

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """Return the JSON of the answer."""
        return to_json({"error": {"code": self.code, "message": self.message}})

    def response(self) -> Response:
        """Return the answer itself."""
        return Response(self.body(), self.status, dict(self.headers), "application/json")


def unreadable(error: ValidationError) -> RefusedError:
    """Return the refusal for a body that is not the JSON asked for: 400 if no JSON, else 422.

    Only places and rules are told; pydantic's own text is used without the input it found. Of more faults
    than anybody would read none is put into words: each takes microseconds, and a body may hold a million.
    """
    if error.error_count() > MOST_FAULTS:
        message = f"{error.error_count()} values are not valid: compare one with the schema in /openapi.json"
        return RefusedError(422, "not_valid", message)
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        reason = first["msg"].removeprefix("Invalid JSON: ")
        return RefusedError(400, "not_json", f"the body is not valid JSON: {reason}; send UTF-8 JSON")
    place = ".".join(str(part)[:40] for part in first["loc"]) or "body"
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return RefusedError(422, "not_valid", f"{place}: {rule_of(first['msg'])}{more}")


def rule_of(said: str) -> str:
    """Return a rule as people put it, where pydantic's own text shows code.

    >>> rule_of("Tuple should have at most 3 items after validation, not 4")
    'List should have at most 3 items, not 4'
    """
    for code, words in IN_WORDS.items():
        said = said.replace(code, words)
    return said
