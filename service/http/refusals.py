"""What a caller reads when a request is refused: one sentence, never the data sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError
from pydantic_core import to_json
from starlette.responses import Response

BUSY = "busy"  # the code of who would wait too long


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

    Only places and rules are told; pydantic's own text is used without the input it found.
    """
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        reason = first["msg"].removeprefix("Invalid JSON: ")
        return RefusedError(400, "not_json", f"the body is not valid JSON: {reason}; send UTF-8 JSON")
    place = ".".join(str(part)[:40] for part in first["loc"]) or "body"
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return RefusedError(422, "not_valid", f"{place}: {first['msg'].removeprefix('Value error, ')}{more}")
