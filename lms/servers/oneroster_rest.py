"""OneRoster REST 1.2 (rostering and gradebook): enrolments, line items and results, page by page.

Written from the 1EdTech specification, and tried against a stub that follows it; not against a real system.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator

from segue.lms.oneroster.reader import Bundle
from segue.lms.records.source_records import Json
from segue.lms.records.untrusted_values import obj, text
from segue.lms.servers.json_calls import JsonServer, ServerError, basic

SCOPES = (
    "https://purl.imsglobal.org/spec/or/v1p2/scope/roster-core.readonly",
    "https://purl.imsglobal.org/spec/or/v1p2/scope/gradebook.readonly",
)
PATHS = {
    "enrollments": "ims/oneroster/rostering/v1p2/enrollments",
    "lineItems": "ims/oneroster/gradebook/v1p2/lineItems",
    "results": "ims/oneroster/gradebook/v1p2/results",
}
REFERENCES = {
    "user": "userSourcedId",
    "class": "classSourcedId",
    "student": "studentSourcedId",
    "lineItem": "lineItemSourcedId",
}
"""References of the JSON binding by the column of the CSV binding that says the same."""
PLAIN = (
    *("sourcedId", "status", "dateLastModified", "role", "beginDate", "endDate", "title", "missing"),
    *("resultValueMin", "resultValueMax", "score", "scoreStatus", "scoreDate"),
)
LIMIT = 1_000
MOST_PAGES = 100_000


class OneRosterServer:
    """A student information system behind OneRoster's REST binding, with OAuth 2 client credentials."""

    def __init__(self, address: str, token_url: str, client_id: str, secret: str) -> None:
        login = JsonServer(
            token_url,
            {"Authorization": basic(client_id, secret), "Content-Type": "application/x-www-form-urlencoded"},
        )
        form = {"grant_type": "client_credentials", "scope": " ".join(SCOPES)}
        answer = login.call("POST", token_url, body=urllib.parse.urlencode(form).encode())
        token = text(obj(answer).get("access_token"))
        if not token:
            raise ServerError("the token address gave no access_token")
        self._server = JsonServer(address, {"Authorization": f"Bearer {token}"})

    def bundle(self) -> Bundle:
        """Return what the system says as a bundle: only ids, roles, dates and scores are kept."""
        return Bundle({table: list(self._rows(table)) for table in PATHS})

    def _rows(self, table: str) -> Iterator[dict[str, str]]:
        for page in range(MOST_PAGES):
            query = {"limit": str(LIMIT), "offset": str(page * LIMIT)}
            answer = obj(self._server.get(PATHS[table], **query))
            rows = answer.get(table)
            if not isinstance(rows, list):
                raise ServerError(f"the answer has no list of {table}")
            yield from map(_row, rows)
            if len(rows) < LIMIT:
                return


def _row(record: Json) -> dict[str, str]:
    """Return a record as a row of the CSV binding."""
    given = obj(record)
    row = {name: _cell(given[name]) for name in PLAIN if name in given}
    for name, column in REFERENCES.items():
        if text(obj(given.get(name)).get("sourcedId")):
            row[column] = text(obj(given[name])["sourcedId"])
    return {name: cell for name, cell in row.items() if cell}


def _cell(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else text(value)
