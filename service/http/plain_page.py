"""A whole page in plain HTML: it loads nothing and runs no script."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

STYLE = """
body { font: 1.05rem/1.6 system-ui, sans-serif; color: #1f2933; background: #fff; max-width: 44rem }
body { margin: 2rem auto; padding: 0 1rem } h1 { font-size: 1.4rem } li { margin: .9rem 0 }
a { color: #1d5fa8 } .quiet { color: #52606d } .done { color: #2f6b4f; font-weight: 600 }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35rem .6rem }
td, th { border-bottom: 1px solid #e4e7eb }
"""
PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
WORDS: Mapping[int, tuple[str, str]] = {
    400: ("This link did not work", "Go back to your course and open it again from there."),
    403: ("You cannot do this here", "This is for the teachers of the course."),
    404: ("There is nothing here", "Ask your teacher whether Segue is set up for your course."),
    409: ("There is no list for you", "Nothing is kept about you here. Ask your teacher what to do next."),
    429: ("Too many at once", "Many people are opening this right now. Wait a moment and open it again."),
    500: ("Something went wrong here", "It is not your fault. Try again in a few minutes."),
    502: ("Your learning platform did not answer", "Wait a minute, then open the link again."),
    503: ("Too many at once", "Many people are opening this right now. Wait a moment and open it again."),
}


def page(title: str, body: str) -> str:
    """Return a whole page; `body` is HTML already."""
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    return (
        f'<!doctype html><html lang="en"><head>{head}<title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def brief_page(status: int, more: str = "") -> str:
    """Return what a person reads who cannot be let in: what to do; `more` is HTML already."""
    title, text = WORDS.get(status) or WORDS[500 if status >= 500 else 400]
    return page(title, f"<p>{escape(text)}</p>{more}")


def refusal_page(status: int, number: str) -> str:
    """Return what a person reads who cannot be let in: what to do, and a number that finds the reason."""
    found = f'<p class="quiet">If it keeps happening, tell your teacher this number: {escape(number[:8])}</p>'
    return brief_page(status, found)
