"""The tables of OneRoster 1.2 CSV: columns in order, what each must hold, and where each points.

Source: 1EdTech OneRoster 1.2, CSV binding (rostering, gradebook, resources profiles).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_COLUMNS = {
    "academicSessions": (
        "title! type!:word* startDate!:date endDate!:date parentSourcedId:guid>academicSessions "
        "schoolYear!:year"
    ),
    "categories": "title! weight:integer",
    "classes": (
        "title! grades:list courseSourcedId!:guid>courses classCode classType!:word* location "
        "schoolSourcedId!:guid>orgs termSourcedIds!:guids>academicSessions subjects:list subjectCodes:list "
        "periods:list"
    ),
    "classResources": "title classSourcedId!:guid>classes resourceSourcedId!:guid>resources",
    "courseResources": "title courseSourcedId!:guid>courses resourceSourcedId!:guid>resources",
    "courses": (
        "schoolYearSourcedId:guid>academicSessions title! courseCode grades:list orgSourcedId!:guid>orgs "
        "subjects:list subjectCodes:list"
    ),
    "demographics": (
        "birthDate:date sex:word* americanIndianOrAlaskaNative:boolean asian:boolean "
        "blackOrAfricanAmerican:boolean nativeHawaiianOrOtherPacificIslander:boolean white:boolean "
        "demographicRaceTwoOrMoreRaces:boolean "
        "hispanicOrLatinoEthnicity:boolean countryOfBirthCode stateOfBirthAbbreviation cityOfBirth "
        "publicSchoolResidenceStatus"
    ),
    "enrollments": (
        "classSourcedId!:guid>classes schoolSourcedId!:guid>orgs userSourcedId!:guid>users role!:word* "
        "primary:boolean beginDate:date endDate:date"
    ),
    "lineItemLearningObjectiveIds": "lineItemSourcedId!:guid>lineItems source!:word* learningObjectiveId!",
    "lineItems": (
        "title! description assignDate!:date dueDate!:date classSourcedId!:guid>classes "
        "categorySourcedId!:guid>categories academicSessionSourcedId!:guid>academicSessions "
        "resultValueMin:float resultValueMax:float schoolSourcedId!:guid>orgs"
    ),
    "lineItemScoreScales": "title lineItemSourcedId!:guid>lineItems scoreScaleSourcedId!:guid>scoreScales",
    "orgs": "name! type!:word* identifier parentSourcedId:guid>orgs",
    "resources": "vendorResourceId! title roles:words* importance:word vendorId applicationId",
    "resultLearningObjectiveIds": (
        "resultSourcedId!:guid>results source!:word* learningObjectiveId! score:float textScore"
    ),
    "results": (
        "lineItemSourcedId!:guid>lineItems studentSourcedId!:guid>users scoreStatus!:word* score:float "
        "scoreDate!:date comment textScore classSourcedId:guid>classes inProgress:boolean incomplete:boolean "
        "late:boolean missing:boolean"
    ),
    "resultScoreScales": "title resultSourcedId!:guid>results scoreScaleSourcedId!:guid>scoreScales",
    "roles": (
        "userSourcedId!:guid>users roleType!:word role!:word* beginDate:date endDate:date "
        "orgSourcedId!:guid>orgs userProfileSourcedId:guid>userProfiles"
    ),
    "scoreScales": (
        "title! type! orgSourcedId!:guid>orgs courseSourcedId!:guid>courses classSourcedId!:guid>classes "
        "scoreScaleValue!:list"
    ),
    "userProfiles": (
        "userSourcedId!:guid>users profileType! vendorId! applicationId description credentialType! "
        "username! password"
    ),
    "userResources": (
        "userSourcedId!:guid>users orgSourcedId:guid>orgs classSourcedId:guid>classes "
        "resourceSourcedId!:guid>resources"
    ),
    "users": (
        "enabledUser!:boolean username! userIds:pairs givenName! familyName! middleName identifier email "
        "sms phone agentSourcedIds:guids>users grades:list password userMasterIdentifier preferredGivenName "
        "preferredMiddleName preferredFamilyName primaryOrgSourcedId:guid>orgs pronouns"
    ),
}
"""Columns after `sourcedId status dateLastModified`.

`name!` must be filled, `:kind` says with what, `*` takes ext: words too, `>table` is where it points.
"""

WORDS = {
    ("academicSessions", "type"): "gradingPeriod semester schoolYear term",
    ("orgs", "type"): "department school district local state national",
    ("classes", "classType"): "homeroom scheduled",
    ("roles", "roleType"): "primary secondary",
    ("roles", "role"): (
        "aide counselor districtAdministrator guardian parent principal proctor relative siteAdministrator "
        "student systemAdministrator teacher"
    ),
    ("enrollments", "role"): "administrator proctor student teacher",
    ("demographics", "sex"): "male female unspecified other",
    ("lineItemLearningObjectiveIds", "source"): "case unknown",
    ("resultLearningObjectiveIds", "source"): "case unknown",
    ("results", "scoreStatus"): "exempt|fully graded|not submitted|partially graded|submitted",
    ("resources", "roles"): "administrator aide guardian parent proctor relative student teacher",
    ("resources", "importance"): "primary secondary",
}
"""Words allowed in a column."""


@dataclass(frozen=True)
class FieldColumn:
    """One column: its kind of value, whether it must be filled, its words, the table it points to."""

    name: str
    kind: str = "text"
    required: bool = False
    extensible: bool = False
    words: tuple[str, ...] = ()
    target: str = ""


_COLUMN = re.compile(r"(\w+)(!?)(?::(\w+)(\*?))?(?:>(\w+))?")


def _column(table: str, text: str) -> FieldColumn:
    found = _COLUMN.fullmatch(text)
    if found is None:
        raise AssertionError(f"not a column: {text}")
    name, required, kind, extensible, target = found.groups("")
    words = WORDS.get((table, name), "")
    listed = tuple(words.split("|") if "|" in words else words.split())
    return FieldColumn(name, kind or "text", bool(required), bool(extensible), listed, target)


def _columns(table: str) -> tuple[FieldColumn, ...]:
    target = "users" if table == "demographics" else ""  # a demographic record has its user's id
    own = FieldColumn("sourcedId", "guid", required=True, target=target)
    rest = (_column(table, text) for text in _COLUMNS[table].split())
    return (own, FieldColumn("status"), FieldColumn("dateLastModified"), *rest)


TABLES = {table: _columns(table) for table in _COLUMNS}
"""Columns of every table, in the order that the specification demands."""
