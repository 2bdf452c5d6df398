"""QTI assessments inside cartridges (1.2, and the outline of 2.x): number of questions, points, text."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from segue.lms.records.untrusted_values import number

LONGEST = 4000  # characters kept of what the questions ask


@dataclass(frozen=True)
class Assessment:
    """What an assessment asks: `points` is None where it does not say, `questions` the text of all."""

    title: str
    n_items: int
    points: float | None
    questions: str


def local(element: Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def named(root: Element, name: str) -> list[Element]:
    """Return all elements of a name, whatever their namespace."""
    return [element for element in root.iter() if local(element) == name]


def first_text(root: Element, *names: str) -> str:
    """Return the text of the first element of one of the names, white space collapsed; '' without any."""
    for name in names:
        for element in named(root, name):
            text = " ".join("".join(element.itertext()).split())
            if text:
                return text
    return ""


def read_assessment(root: Element) -> Assessment:
    """Return what an assessment asks, from the root element of its document."""
    assessments = named(root, "assessment") or named(root, "assessmentTest") or [root]
    items = named(root, "item") or named(root, "assessmentItemRef") or named(root, "assessmentItem")
    texts = (
        " ".join("".join(text.itertext()).split()) for text in named(root, "mattext") + named(root, "prompt")
    )
    return Assessment(
        title=" ".join(assessments[0].get("title", "").split()),
        n_items=len(items),
        points=_points(root, items),
        questions=" ".join(texts)[:LONGEST],
    )


def _points(root: Element, items: list[Element]) -> float | None:
    """Return the points of an assessment: its own, else the sum of its items'."""
    whole = number(first_text(root, "points_possible"))
    if whole is not None:
        return whole
    worth = [_field(item, "points_possible", "cc_weighting") for item in items]
    known = [points for points in worth if points is not None]
    return sum(known) if known else None


def _field(item: Element, *labels: str) -> float | None:
    for entry in named(item, "qtimetadatafield"):
        if first_text(entry, "fieldlabel") in labels:
            return number(first_text(entry, "fieldentry"))
    return None
