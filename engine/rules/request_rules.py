"""Rules that read the request and the catalogue only: asked first, they drop candidates before contexts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segue.engine.requests.request import Request
from segue.engine.requests.request_batch import RequestBlock
from segue.engine.rules.base import FILL, NEVER, OFFERED, Rule, rule
from segue.features.catalogue import Bools, Catalogue, grade_range


@rule(OFFERED, "it is not among the candidates of this request", relaxed=NEVER)
def offered(asked: RequestBlock) -> Bools | None:
    """Only the candidates of the request."""
    return asked.offered


@rule("excluded", "the teacher took it out", relaxed=NEVER)
def excluded(asked: RequestBlock) -> Bools | None:
    """Nothing that the teacher took out."""
    return _stacked(asked, [_all_but(asked.catalogue, request.excluded) for request in asked.requests])


def _all_but(catalogue: Catalogue, out: Sequence[str]) -> Bools | None:
    if not out:
        return None
    mask = np.ones(len(catalogue.resources), dtype=np.bool_)
    mask[catalogue.resource_codes(out)] = False
    return mask


@rule("planned", "it is in the learner's plan already", relaxed=0)
def planned(asked: RequestBlock) -> Bools | None:
    """Nothing that stands in another list of the learner's."""
    return _stacked(asked, [_all_but(asked.catalogue, request.planned) for request in asked.requests])


@rule("available", "it is not open at this time", relaxed=NEVER)
def available(asked: RequestBlock) -> Bools | None:
    """Only what is open at each request's `now`."""
    if asked.catalogue.always_open:
        return None
    opens, closes = asked.catalogue.opening
    codes, now = asked.pool.codes, asked.now[:, None]
    return np.asarray((opens[codes] <= now) & (now < closes[codes]))


@rule("course", "it belongs to a course that this learner does not take", relaxed=NEVER)
def in_course(asked: RequestBlock) -> Bools | None:
    """Only what is for all, or belongs to a course that the learner takes."""
    if not asked.catalogue.courses:
        return None
    masks = {taken: _of_courses(asked.catalogue, taken) for taken in {r.courses for r in asked.requests}}
    return _stacked(asked, [masks[r.courses] for r in asked.requests])


def _of_courses(catalogue: Catalogue, taken: tuple[str, ...] | None) -> Bools | None:
    if taken is None:
        return None
    there = catalogue.in_course
    mine = [there[course] for course in taken if course in there]
    return np.asarray(np.any([there[""], *mine], axis=0))


@rule("language", "it is in another language", relaxed=NEVER)
def in_language(asked: RequestBlock) -> Bools | None:
    """Only resources in the language asked for, or in none."""
    return _stacked(asked, [_in_range(asked.catalogue, r.place.language) for r in asked.requests])


def _in_range(catalogue: Catalogue, wanted: str) -> Bools | None:
    if wanted in ("", "*"):
        return None
    out = np.zeros(len(catalogue.resources), dtype=np.bool_)
    for tag, there in catalogue.in_language.items():
        if speaks(tag, wanted):
            out |= there
    return out


@rule("device", "it needs a connection", relaxed=NEVER)
def on_device(asked: RequestBlock) -> Bools | None:
    """Only what works without a connection, where there is none."""
    offline = asked.catalogue.works_offline
    return _stacked(asked, [offline if r.place.offline else None for r in asked.requests])


@rule("grade band", "it is for other grades", relaxed=NEVER)
def in_grades(asked: RequestBlock) -> Bools | None:
    """Only resources whose grades overlap the band asked for."""
    return _stacked(asked, [_in_band(asked.catalogue, r.place.grade_band) for r in asked.requests])


def _in_band(catalogue: Catalogue, band: str) -> Bools | None:
    if not band:
        return None
    low, high = catalogue.grades
    first, last = grade_range(band)
    if np.isnan(first):
        return _suiting(catalogue, "grade_band", band)
    return np.asarray(~((high < first) | (low > last)))


@rule("manner", "it is not the kind of work that was asked for", relaxed=FILL)
def in_manner(asked: RequestBlock) -> Bools | None:
    """How the work is done: kinds, content, process and product that were asked for."""
    return _stacked(asked, [_of_kind(asked.catalogue, request) for request in asked.requests])


def _of_kind(catalogue: Catalogue, request: Request) -> Bools | None:
    place = request.place
    if not (place.kinds or place.content or place.process or place.product):
        return None
    parts = [_suiting(catalogue, name, getattr(place, name)) for name in ("content", "process", "product")]
    if place.kinds:
        parts.append(_mask(catalogue, [r.kind in place.kinds for r in catalogue.resources]))
    return np.asarray(np.logical_and.reduce([part for part in parts if part is not None]))


def _stacked(asked: RequestBlock, wanted: Sequence[Bools | None]) -> Bools | None:
    """Stack one mask a request over the catalogue, cut to the pool; None where no request asks."""
    if all(mask is None for mask in wanted):
        return None
    out = np.ones((len(asked), len(asked.pool)), dtype=np.bool_)
    for row, mask in enumerate(wanted):
        if mask is not None:
            out[row] = mask[asked.pool.codes]
    return out


def _mask(catalogue: Catalogue, test: Sequence[bool]) -> Bools:
    return np.fromiter(test, dtype=np.bool_, count=len(catalogue.resources))


def speaks(language: str, wanted: str) -> bool:
    """Return whether a resource's language (BCP 47) suits a language range, or the resource has none.

    The range stands for itself and what is narrower ("en" finds "en-GB", "zh-TW" finds "zh-Hant-TW"), and
    falls back to what is wider ("en-US" finds "en", not "en-GB"), as in RFC 4647, section 3.3.2. Both may be
    written as locales are ("en_US").

    >>> [speaks(tag, "en-US") for tag in ("en", "EN_us", "en-US-x-y", "en-Latn-US", "en-GB", "de", "")]
    [True, True, True, True, False, False, True]
    """
    own, asked = (tag.lower().replace("_", "-").split("-") for tag in (language, wanted))
    wide, narrow = sorted((own, asked), key=len)
    rest = iter(narrow)  # a part that is found takes with it what stands before it
    return not language or (own[0] == asked[0] and all(part in rest for part in wide))


def _suiting(catalogue: Catalogue, name: str, wanted: str) -> Bools | None:
    if not wanted:
        return None
    return _mask(catalogue, [getattr(r, name) in ("", wanted) for r in catalogue.resources])


ENTRY_RULES: tuple[Rule[RequestBlock], ...] = (
    offered,
    excluded,
    available,
    in_course,
    in_language,
    on_device,
    in_grades,
    in_manner,
    planned,
)
