"""Texts: nothing of ours stays English in Spanish; the pseudo-locale finds what no catalogue reaches."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from segue.engine.explanations.why_not import COSTS
from segue.engine.rules.rule_book import SENTENCES
from tests.service.pages.texts_found import translated, wanted

Link, Browse = Callable[..., str], Callable[..., Any]
LEARNER = ("week", "me", "plan", "feedback", "check?skill=unit-rates", "print")
TEACHER = ("class", "monday", "learner?who=1", "asked", "groups", "policy", "report")
PLACE = re.compile(r"%\(\w+\)s")


def test_every_text_is_translated_with_the_same_placeholders() -> None:
    known = {message.id: message.string for message in translated("es") if message.id}
    assert wanted() <= set(known)
    for text, said in known.items():
        pairs = zip(text, said, strict=True) if isinstance(text, tuple) else [(text, said)]
        for one, other in pairs:
            assert other
            assert sorted(PLACE.findall(one)) == sorted(PLACE.findall(other)), one


class Visible(HTMLParser):
    """Text that a person sees or hears, without what is marked as content of another language or data."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._skip: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link", "input", "br", "img", "source"):
            self._skip.append(("lang" in dict(attrs) and tag != "html") or tag in ("style", "script"))

    def handle_endtag(self, tag: str) -> None:
        if self._skip:
            self._skip.pop()

    def handle_data(self, data: str) -> None:
        if not any(self._skip) and data.strip():
            self.found.append(data.strip())


@pytest.mark.parametrize(("role", "pages"), [("learner", LEARNER), ("teacher", TEACHER)])
def test_no_text_of_ours_escapes_the_catalogues(
    link: Link, browse: Browse, role: str, pages: tuple[str, ...]
) -> None:
    first = browse(link(role, "student-2", class_id="7b", locale="en-XA"))
    base = str(first.url).rpartition("/")[0]
    ours = {text for one in wanted() for text in (one if isinstance(one, tuple) else (one,)) if len(text) > 3}
    sentences = {part for text in ours for part in PLACE.split(text) if len(part.strip()) > 12}
    for page in pages:
        seen = Visible()
        seen.feed(browse(f"{base}/{page}").text)
        assert not ours & set(seen.found), page
        whole = " ".join(seen.found)
        assert not [part for part in sentences if part in whole], page
        assert any(text.startswith("[") for text in seen.found), page


def test_reasons_and_why_not_are_in_the_reader_s_language(link: Link, browse: Browse) -> None:
    week = browse(link("learner", "student-2", locale="es")).text
    assert "Después podrás decir: «" in week
    assert "Then you can say" not in week
    base = str(browse(link("teacher", "t1", class_id="7b", locale="es")).url).rpartition("/")[0]
    assert "Después podrás decir: «" in browse(f"{base}/learner?who=2").text
    step = re.findall(r'name="swap" value="([^"]+)"', browse(f"{base}/monday").text)[0]
    offered = re.findall(r'<option value="([^"]+)"', browse(f"{base}/swap?step={step}").text)
    said = [browse(f"{base}/swap?step={step}&wanted={name}").text.lower() for name in offered[:5]]
    spanish = [translated("es").get(text).string for text in (*SENTENCES.values(), *COSTS.values())]
    for page in said:
        assert any(text.lower() in page for text in [*spanish, "es el mejor primer paso", "ya está en"])
        assert not [text for text in (*SENTENCES.values(), *COSTS.values()) if text in page]


def test_the_language_comes_from_the_link_or_the_browser(link: Link, browse: Browse, client: Any) -> None:
    page = browse(link("learner", "student-2", locale="es-MX"))
    assert '<html lang="es" dir="ltr">' in page.text
    assert "Mi semana" in page.text
    told = {"accept-language": "fr, es;q=0.8"}
    assert "Mi semana" in client.get(link("learner", "student-2"), headers=told, follow_redirects=True).text
    refused = client.get("/pages/school/enter/x.y", headers=told)
    assert "no se puede abrir" in refused.text
