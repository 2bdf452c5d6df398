"""CASE 1.0 and 1.1 packages as skills, prerequisites and "I can" sentences.

Strict mode keeps to the specification (UUIDs, times with offset, linked nodes spelled out); lenient mode
takes packages as they are published, with any ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from segue.features.catalogue import Skill
from segue.lms.records import source_records as base
from segue.lms.records.source_records import Event, Json, Mode, ReadReport, RecordRefusedError, Source
from segue.lms.records.untrusted_values import listed, obj, text
from segue.lms.xapi.types import IRI, UUID

_RELATIONS = (
    "exactMatchOf exemplar hasSkillLevel isChildOf isPartOf isPeerOf isRelatedTo isTranslationOf precedes "
    "replacedBy"
)
RELATIONS = tuple(_RELATIONS.split())
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
REQUIRED = {
    "document": "identifier uri creator title lastChangeDateTime",
    "item": "identifier uri fullStatement lastChangeDateTime",
    "association": "identifier uri associationType originNodeURI destinationNodeURI lastChangeDateTime",
}
_VERBS = (
    "add analyze apply approximate assess ask attend build calculate choose classify combine compare "
    "compose  compute conduct connect construct convert correctly count create decide decompose define "
    "demonstrate derive  describe design determine develop directly distinguish divide draw estimate "
    "evaluate examine explain explore  express extend find fluently form generate give graph identify "
    "interpret investigate know label locate look  make measure model multiply name order organize "
    "partition perform plan plot predict prove read reason  recognize reflect relate represent rewrite "
    "round show sketch solve sort state subtract summarize tell think  transform understand use verify "
    "view work write"
)
VERBS = frozenset(_VERBS.split())
"""Verbs that standards begin with."""
_PREAMBLE = re.compile(r"(?:the )?students? (?:will (?:be able to )?|should (?:be able to )?|can )", re.I)


@dataclass(frozen=True)
class Framework:
    """What a package says.

    Attributes
    ----------
    skills : one an item, in the order of the package; `skill_id` is the item's identifier
    prerequisites : (before, after) pairs of skill ids, from `precedes` between items of the package
    """

    skills: tuple[Skill, ...] = ()
    prerequisites: tuple[tuple[str, str], ...] = ()


def read(source: Source, mode: Mode = "strict") -> tuple[Iterator[Event], ReadReport]:
    """Return no events (a framework says nothing of learners) and the report with the package's counts."""
    report = ReadReport()
    open_framework(source, mode, report)
    return iter(()), report


def open_framework(source: Source, mode: Mode, report: ReadReport) -> Framework:
    """Return the framework of a package (a document or a path); what is wrong with it goes to the report."""
    documents = list(base.documents(source, report))
    if len(documents) != 1 or not isinstance(documents[0], dict):
        report.refuse(RecordRefusedError("a CASE package is one JSON object"))
        return Framework()
    package = documents[0].get("CFPackage", documents[0])
    document, items, associations = _parts(obj(package))
    if not document:
        report.refuse(RecordRefusedError("package needs CFDocument"))
        return Framework()
    if mode == "strict":
        _check(document, items, associations, report)
    framework = _framework(items, associations, report)
    report.counts["items"] = len(items)
    report.counts["associations"] = len(associations)
    report.counts["prerequisites"] = len(framework.prerequisites)
    return framework


def _parts(package: dict[str, Json]) -> tuple[dict[str, Json], list[Json], list[Json]]:
    document = package.get("CFDocument", package.get("document"))
    items, associations = (
        package.get(long, package.get(short))
        for long, short in (("CFItems", "items"), ("CFAssociations", "associations"))
    )
    return obj(document), listed(items), listed(associations)


# --- strict -----------------------------------------------------------------------------------------------


def _check(
    document: dict[str, Json], items: list[Json], associations: list[Json], report: ReadReport
) -> None:
    version = document.get("caseVersion")
    if version is not None and version != "1.1":
        report.refuse(RecordRefusedError("document.caseVersion must be 1.1"))
    parts = [("document", document), *(("item", part) for part in items)]
    for kind, part in [*parts, *(("association", part) for part in associations)]:
        try:
            _check_part(kind, part)
        except RecordRefusedError as refusal:
            report.refuse(refusal)


def _check_part(kind: str, part: Json) -> None:
    if not isinstance(part, dict):
        raise RecordRefusedError(f"{kind} must be an object")
    for name in REQUIRED[kind].split():
        if not part.get(name):
            raise RecordRefusedError(f"{kind} needs {name}")
    if not UUID.fullmatch(text(part["identifier"])):
        raise RecordRefusedError(f"{kind}.identifier must be a UUID")
    if not IRI.fullmatch(text(part["uri"])):
        raise RecordRefusedError(f"{kind}.uri must be a URI")
    if not TIME.fullmatch(text(part["lastChangeDateTime"])):
        raise RecordRefusedError(f"{kind}.lastChangeDateTime must be a date and time with offset")
    if not isinstance(part.get("fullStatement", ""), str) or not isinstance(part.get("title", ""), str):
        raise RecordRefusedError(f"{kind}: statements and titles must be strings")
    if kind == "association":
        _check_association(part)


def _check_association(part: dict[str, Json]) -> None:
    if part["associationType"] not in RELATIONS and not text(part["associationType"]).startswith("ext:"):
        raise RecordRefusedError(
            f"association.associationType must be one of {', '.join(RELATIONS)}, or ext:..."
        )
    for name in ("originNodeURI", "destinationNodeURI"):
        if not all(text(obj(part[name]).get(key)) for key in ("title", "identifier", "uri")):
            raise RecordRefusedError(f"association.{name} must have title, identifier and uri")


# --- what it says -----------------------------------------------------------------------------------------


def _framework(items: list[Json], associations: list[Json], report: ReadReport) -> Framework:
    skills = _skills(items, report)
    known = {skill.skill_id for skill in skills}
    before: list[tuple[str, str]] = []
    for part in associations:
        kind = text(obj(part).get("associationType"))
        first, then = _node(part, "origin"), _node(part, "destination")
        if not (kind and first and then):
            report.warnings["association without type or ends"] += 1
        elif kind == "precedes" and {first, then} <= known:
            before.append((first, then))
        elif kind == "precedes":
            report.warnings["prerequisite that points outside the package"] += 1
    return Framework(skills, tuple(dict.fromkeys(before)))


def _skills(items: list[Json], report: ReadReport) -> tuple[Skill, ...]:
    skills: dict[str, Skill] = {}
    for part in items:
        item = obj(part)
        identifier = text(item.get("identifier")) or text(item.get("sourcedId"))
        statement = " ".join(text(item.get("fullStatement")).split())
        if not identifier or identifier in skills:
            report.warnings["item without an id of its own"] += 1
            continue
        code = text(item.get("humanCodingScheme")) or text(item.get("listEnumeration"))
        skills[identifier] = Skill(identifier, code, statement, i_can(statement))
    return tuple(skills.values())


def _node(association: Json, end: str) -> str:
    part = obj(association)
    return text(obj(part.get(f"{end}NodeURI")).get("identifier")) or text(part.get(f"{end}NodeIdentifier"))


def i_can(statement: str) -> str:
    """Return the sentence a student reads, or '' where the statement does not begin with what one does.

    >>> i_can("Understand ratio concepts. See 6.RP.")
    'I can understand ratio concepts.'
    >>> i_can("Students will be able to add within 20"), i_can("Geometry")
    ('I can add within 20.', '')
    """
    plain = _PREAMBLE.sub("", statement.strip(), count=1) if len(statement) < 5000 else ""
    first, _, rest = plain.partition(" ")
    if first.lower().rstrip(",") not in VERBS or not rest:
        return ""
    sentence = re.split(r"(?<=[a-z)\]])[.;](?:\s|$)", f"{first.lower()} {rest}", maxsplit=1)[0]
    return f"I can {sentence.rstrip(' .:;')}."
