"""From values to a page: Jinja2 with autoescape, our own stylesheet and script, nothing from elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.bccache import Bucket
from jinja2.runtime import Context
from starlette.responses import HTMLResponse, Response

from segue.service.http.refusals import RefusedError
from segue.service.pages import texts

HERE = Path(__file__).parent
STATIC: Mapping[str, str] = {
    "pages.css": "text/css",
    "pages.js": "text/javascript",
    "console.js": "text/javascript",
}
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors {frame}"
)


class _Compiled(BytecodeCache):
    """Templates compiled once, whatever the language."""

    def __init__(self) -> None:
        self.code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.code:
            bucket.bytecode_from_string(self.code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.code[bucket.key] = bucket.bytecode_to_string()


@cache
def compiled() -> BytecodeCache:
    """Return the compiled templates of this process."""
    return _Compiled()


def warm() -> None:
    """Read templates, texts and calendars of each language, so that no visitor waits for it."""
    for locale in texts.LOCALES:
        if locale != texts.PSEUDO:
            made = environment(locale)
            for name in made.list_templates():
                made.get_template(name)
            texts.day(date(2026, 1, 1), locale)
    for name in STATIC:
        stamped(name)


@cache
def environment(locale: str) -> Environment:
    """Return the templates in one language."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        bytecode_cache=compiled(),
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_translations(texts.translations(locale), newstyle=True)  # type: ignore[attr-defined]
    made.globals.update(
        locale=locale.partition("_")[0],
        wording=locale,
        zone="UTC",
        direction=texts.direction(locale),
        static=stamped,
    )
    made.filters.update(day=_day, days_of=_days_of, safe_url=safe_url)
    return made


@pass_context
def _day(context: Context, value: date | datetime | str | None) -> str:
    return texts.day(value, context["wording"], context["zone"])


@pass_context
def _days_of(context: Context, week: str) -> str:
    return texts.days_of(week, context["wording"])


def render(template: str, locale: str, values: Mapping[str, object]) -> str:
    """Return a template filled in, in one language."""
    return environment(locale).get_template(template).render(values)


def respond(html: str, *, frame: str = "", status: int = 200) -> Response:
    """Return a page; only `frame`, the LMS that launched it, may show it inside its own."""
    return HTMLResponse(html, status, headers(frame))


def headers(frame: str = "") -> dict[str, str]:
    """Return what every answer of the pages says to a browser."""
    return {
        "content-security-policy": POLICY.format(frame=f"'self' {frame}" if frame else "'none'"),
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }


def refusal_page(
    refused: RefusedError, locale: str, *, frame: str = "", role: str = "", base: str = "."
) -> Response:
    """Return a refusal in words that a child can read; it never says what was sent.

    In a session, `frame` is the LMS that may show it, and `role` says which page at `base` leads on.
    """
    said = {"code": refused.code, "status": refused.status, "page": "refused", "base": base, "role": role}
    response = respond(render("refused.html", locale, said), frame=frame, status=refused.status)
    response.headers.update(refused.headers)
    return response


def safe_url(url: str) -> str:
    """Return an address that a browser opens as a page, "" for any other scheme.

    >>> safe_url("https://example.org/a"), safe_url("javascript:alert(1)"), safe_url("/lesson")
    ('https://example.org/a', '', '/lesson')
    """
    parts = urlsplit(url)
    if parts.scheme in ("https", "http") and parts.netloc:
        return url
    return url if url.startswith("/") and not url.startswith("//") and not parts.scheme else ""


@cache
def static_file(name: str) -> tuple[bytes, str]:
    """Return one of our own files and its type.

    Raises
    ------
    RefusedError
        404 for any other name.
    """
    if name not in STATIC:
        raise RefusedError(404, "no_file", "there is no such file")
    return (HERE / "static" / name).read_bytes(), STATIC[name]


@cache
def stamped(name: str) -> str:
    """Return the address of one of our own files; it changes with the file, so that it can be kept."""
    body, _ = static_file(name)
    return f"/pages/static/{name}?v={hashlib.blake2b(body, digest_size=6).hexdigest()}"
