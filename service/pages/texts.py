"""Texts, dates and numbers by locale: gettext catalogues, read from their .po files when first asked for."""

from __future__ import annotations

import gettext
import io
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale, negotiate_locale
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).parent / "locale"
PSEUDO = "en_XA"  # every text of ours accented and longer, so that a test finds what was not translated
LOCALES = ("en", "es", PSEUDO)
_ACCENTED = str.maketrans("aeiouAEIOUcnsyz", "áéíóúÁÉÍÓÚçñšýž")


class Pseudo(gettext.NullTranslations):
    """The pseudo-locale: accented, a third longer, in brackets; placeholders are left alone."""

    def gettext(self, message: str) -> str:
        """Return a text as a far language might write it."""
        return pseudo(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return the same of a counted text."""
        return pseudo(msgid1 if n == 1 else msgid2)


def pseudo(message: str) -> str:
    """Return a text accented and longer.

    >>> pseudo("Open %(title)s now")
    '[Ópéñ %(title)s ñów ···]'
    """
    parts = message.split("%(")
    out = [parts[0].translate(_ACCENTED)]
    for part in parts[1:]:
        name, _, rest = part.partition(")s")
        out.append(f"%({name})s{rest.translate(_ACCENTED)}")
    return f"[{''.join(out)} {'·' * max(len(message) // 5, 1)}]"


@cache
def translations(locale: str) -> gettext.NullTranslations:
    """Return the catalogue of one of `LOCALES`."""
    if locale == PSEUDO:
        return Pseudo()
    path = FOLDER / locale / "pages.po"
    if not path.exists():
        return gettext.NullTranslations()
    with path.open("rb") as file:
        catalogue = read_po(file, locale=locale)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def choose(wanted: str, accepts: str = "") -> str:
    """Return which of `LOCALES` serves: the ticket's own, else the browser's Accept-Language, else English.

    >>> choose("es-MX"), choose("", "fr;q=0.9, es;q=0.8"), choose("xx")
    ('es', 'es', 'en')
    """
    asked = [wanted] if wanted else [part.partition(";")[0].strip() for part in accepts.split(",")]
    found = negotiate_locale([tag.replace("-", "_") for tag in asked if tag], LOCALES, sep="_")
    return found or "en"


def direction(locale: str) -> str:
    """Return "ltr" or "rtl"."""
    return "ltr" if locale == PSEUDO else str(Locale.parse(locale).text_direction)


def day(value: date | datetime | str | None, locale: str, zone: str = "UTC") -> str:
    """Return a day as people write it in their time zone, "" for none; text is a date in ISO 8601."""
    if value is None or value == "":
        return ""
    if isinstance(value, datetime):
        value = value.astimezone(ZoneInfo(zone))
    return _written(date.fromisoformat(value[:10]) if isinstance(value, str) else value, "d MMM y", locale)


def days_of(week: str, locale: str) -> str:
    """Return the days of an ISO week as people write them.

    >>> days_of("2026-W49", "en"), days_of("2026-W49", "es")
    ('30 Nov – 6 Dec 2026', '30 nov – 6 dic 2026')
    """
    monday = date.fromisocalendar(int(week[:4]), int(week[-2:]), 1)
    return f"{_written(monday, 'd MMM', locale)} – {_written(monday + timedelta(6), 'd MMM y', locale)}"


def _written(when: date, form: str, locale: str) -> str:
    return format_date(when, form, locale="en" if locale == PSEUDO else locale)
