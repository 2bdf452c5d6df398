"""What a person sees who opens the service in a browser: what this is, where the key goes, every call."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from segue.service.http.openapi import EXAMPLES
from segue.service.http.plain_page import PAGE_HEADERS, page
from segue.service.http.request_schemas import EventsBody, RecommendBody
from segue.service.pages.rendering import stamped

router = APIRouter(include_in_schema=False)
ADDRESS = re.compile(r"^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?$")
BOX = "<pre style='overflow:auto;background:#f5f7fa;padding:.8rem'><code>{}</code></pre>"
OWN_SCRIPT = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'"
SAMPLE_IDS = {
    "learner": "lms-user-17",
    "class_id": "7b",
    "resource": "pizza-fairly",
    "resource_id": "pizza-fairly",
}
KEY = (
    "<p data-console hidden><label>Key, for the calls that you send from here; it stays in this page<br>"
    "<input id='key' type='password' autocomplete='off' style='width:100%'></label></p>"
)


@router.get("/")
async def front_door(request: Request) -> HTMLResponse:
    """Return what this is, how a key is made and sent, and two calls to try."""
    here = _address(request)
    calls = "".join(
        f"<h2>{title}</h2>" + BOX.format(escape(_curl(here, path, EXAMPLES[body][0])))
        for title, path, body in (
            ("Tell what a student did", "/v1/events", EventsBody),
            ("Ask what this student should do next", "/v1/recommend", RecommendBody),
        )
    )
    body = (
        "<p>What should this student do next, and why? This is the HTTP service of Segue, an adaptive"
        " playlist engine for learning management systems. Programs call it with JSON.</p>"
        '<ul><li><a href="docs">Every call</a>, to read and to try</li>'
        '<li><a href="openapi.json">The OpenAPI document</a>, for a client generator or an API console</li>'
        '<li><a href="readyz">Is it ready?</a></li></ul>'
        "<h2>The key</h2><p>Every call to <code>/v1</code> carries a key in its header. Whoever runs the"
        " service makes one; it is shown once:</p>"
        + BOX.format("export SEGUE_API_KEY=$(segue keys create WORKSPACE --scope backend)")
        + f"{calls}<p class='quiet'>The resources named are those of the bundled catalogue, which"
        " <code>segue demo</code> uses too. Students and teachers don't come in here: they follow a link of"
        " their course, or one that <code>segue link</code> makes.</p>"
    )
    return HTMLResponse(page("Segue", body), headers=PAGE_HEADERS)


@router.get("/docs")
async def every_call(request: Request) -> HTMLResponse:
    """Return every path of the OpenAPI document, its parameters and an example, to read and to send."""
    here = _address(request)
    document: Mapping[str, Any] = request.app.openapi()
    shown = "".join(
        _operation(here, method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    top = (
        '<p><a href="./">What this is, and the key</a> · <a href="openapi.json">OpenAPI document</a></p>'
        "<p>Open a call to see what it takes and one that works on the bundled catalogue.</p>"
    )
    script = f"<script defer src='{stamped('console.js')[1:]}'></script>"
    return HTMLResponse(
        page("Every call of this service", top + KEY + shown + script),
        headers={**PAGE_HEADERS, "content-security-policy": OWN_SCRIPT},
    )


def _operation(here: str, method: str, path: str, operation: Mapping[str, Any]) -> str:
    said = str(operation.get("description") or operation.get("summary", ""))
    names = [f"{p['name']} ({p['in']})" for p in operation.get("parameters", ())]
    takes = f"<p>Parameters: {escape(', '.join(names))}</p>" if names else ""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    bodies = [example["value"] for example in content.get("examples", {}).values()]
    key = bool(operation.get("security"))
    example = _curl(here, path, bodies[0] if bodies else None, method=method.upper(), key=key)
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code></summary>"
        f"<p>{escape(said)}</p>{takes}{BOX.format(escape(example))}"
        f"{_form(method, path, operation, bodies)}</details>"
    )


def _form(
    method: str, path: str, operation: Mapping[str, Any], bodies: Sequence[Mapping[str, object]]
) -> str:
    """Return what sends a call, which a script shows: a field for each parameter, and the body."""
    fields = "".join(
        f"<p><label>{escape(p['name'])} <input name='{escape(p['name'])}' data-in='{p['in']}'"
        f" value='{SAMPLE_IDS.get(p['name'], '')}'{' required' if p.get('required') else ''}></label></p>"
        for p in operation.get("parameters", ())
    )
    if "requestBody" in operation:
        text = json.dumps(bodies[0], ensure_ascii=False, indent=2) if bodies else ""
        fields += (
            f"<p><label>Body<br><textarea rows='8' style='width:100%'>{escape(text)}</textarea></label></p>"
        )
    return (
        f"<form data-console hidden data-method='{method.upper()}' data-path='{escape(path)}'>{fields}"
        "<p><button>Send</button></p>"
        "<output style='white-space:pre-wrap;font-family:monospace'></output></form>"
    )


def _curl(
    here: str, path: str, body: Mapping[str, object] | None, *, method: str = "POST", key: bool = True
) -> str:
    """Return a call as a line of shell; `body` None sends none."""
    verb = "" if method == "GET" or (method == "POST" and body is not None) else f" -X {method}"
    lines = [f"curl -s{verb} '{here}{path}'"]
    if key:
        lines.append('-H "Authorization: Bearer $SEGUE_API_KEY"')
    if body is not None:
        text = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
        lines += ['-H "Content-Type: application/json"', f"-d '{text}'"]
    return " \\\n  ".join(lines)


def _address(request: Request) -> str:
    """Return the address that the browser came to, where it is one that may stand in a line of shell."""
    found = str(request.base_url).rstrip("/")
    return found if ADDRESS.match(found) else "http://localhost:8800"
