"""QTI assessments inside cartridges (1.2, and the outline of 2.x): number of questions, and their text."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element

LONGEST = 4000  # characters kept of what the questions ask


@dataclass(frozen=True)
class Assessment:
    """What an assessment asks: how many questions, and the text of all."""

    n_items: int
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
    items = named(root, "item") or named(root, "assessmentItemRef") or named(root, "assessmentItem")
    texts = (
        " ".join("".join(text.itertext()).split()) for text in named(root, "mattext") + named(root, "prompt")
    )
    return Assessment(len(items), " ".join(texts)[:LONGEST])
