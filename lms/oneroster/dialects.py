"""Names that other systems give the tables and columns of a roster, to OneRoster's.

Taken from the documentation of School Data Sync 1 and 2, Clever, Apple School Manager, Canvas SIS files,
Blackboard's snapshots, Brightspace, Schoology, PowerSchool, Google Classroom (as GAM writes it), Moodle's
upload and Kolibri's export of users; and from hand-made lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from segue.lms.oneroster.tables import TABLES
from segue.lms.records.delimited import plain_name

_FILES = {name.lower(): name for name in TABLES} | {
    **dict.fromkeys(("school", "schools", "accounts", "locations"), "orgs"),
    **dict.fromkeys(("section", "sections", "groups", "class"), "classes"),
    **dict.fromkeys(("student", "students", "teacher", "teachers", "staff", "user", "people"), "users"),
    **dict.fromkeys(
        (
            "studentenrollment",
            "teacherroster",
            "enrollment",
            "enrolments",
            "rosters",
            "roster",
            "memberships",
        ),
        "enrollments",
    ),
    **dict.fromkeys(("grades", "scores", "gradebook"), "results"),
    **dict.fromkeys(("assignments",), "lineItems"),
}
_OWN_ID = ("sisid", "id", "sourcedid")
_OF_ALL = {
    **dict.fromkeys(_OWN_ID, "sourcedId"),
    "schoolsisid": "schoolSourcedId",
    "schoolid": "schoolSourcedId",
    "sectionname": "title",
    "grade": "grades",
    "orgsourcedids": "orgSourcedId",
    "role": "role",
}
_USER = (
    "usersourcedid studentsourcedid userid studentid personid studentsisid usersisid studentnumber pupilid "
    "learner learnerid student pupil user username memberid externalpersonkey childcode uniqueuserid "
    "useruniqueid studentsstudentnumber sisnumber profileid databaseiduuid upn admissionnumber "
    "schuelerid schueler alumno idalumno eleve identifiant"
)
_CLASS = (
    "classsourcedid sectionsisid classid sectionid classsisid class section group groupid courseid "
    "coursesourcedid course classcode externalcoursekey parentcode sectioncode sectionschoolcode "
    "sectionnumber ccsectionid teachinggroup registrationgroup reggroup klasse kurs clase grupo classe"
)
_BEGINS = "begindate startdate startat from start dateenrolled ccdateenrolled entrydate"
_ENDS = "enddate endat until end exitdate leavedate dateleft ccdateleft"
_OF = {
    "enrollments": {
        **dict.fromkeys(_USER.split(), "userSourcedId"),
        **dict.fromkeys(_CLASS.split(), "classSourcedId"),
        **dict.fromkeys(("enrollmentid", "rosterid"), "sourcedId"),
        **dict.fromkeys(("role", "rolename", "userrole", "membertype", "enrollmenttype", "type"), "role"),
        **dict.fromkeys(("status", "enrollmentstatus", "rowstatus", "state", "action"), "status"),
        **dict.fromkeys(_BEGINS.split(), "beginDate"),
        **dict.fromkeys(_ENDS.split(), "endDate"),
        **dict.fromkeys(("datelastmodified", "lastmodified", "updatedat", "updated"), "dateLastModified"),
    },
    "classes": {
        **dict.fromkeys(("sectionid", "classid"), "sourcedId"),
        **dict.fromkeys(("name", "classname", "coursename"), "title"),
        "courseid": "courseSourcedId",
    },
    "users": dict.fromkeys(("userid", "studentid", "personid", "teacherid", "staffid"), "sourcedId"),
    "results": {
        **dict.fromkeys(_USER.split(), "studentSourcedId"),
        **dict.fromkeys(("assignmentid", "lineitemid", "itemid"), "lineItemSourcedId"),
        **dict.fromkeys(("points", "mark"), "score"),
        "date": "scoreDate",
    },
    "lineItems": {"assignmentid": "sourcedId", "pointspossible": "resultValueMax", "name": "title"},
}
NEEDED = {
    "enrollments": ("userSourcedId", "classSourcedId"),
    "results": ("lineItemSourcedId", "studentSourcedId", "score"),
}
"""Columns without which a row of a table gives nothing."""
READ_AS = {
    "userSourcedId": "userSourcedId (or user_id, student_id, person_id, learner)",
    "classSourcedId": "classSourcedId (or class_id, section_id, class)",
    "sourcedId": "sourcedId (or id)",
}
"""How the columns are called in a message."""


def table_of(stem: str) -> str:
    """Return the table that a file is named after, without regard to spelling; '' for another file.

    >>> table_of("Student_Enrollment"), table_of("lineItems"), table_of("notes")
    ('enrollments', 'lineItems', '')
    """
    return _FILES.get(plain_name(stem), "")


def table_by(header: Sequence[str]) -> str:
    """Return the table of a file with another name by its columns: who is in which class; '' for none.

    >>> table_by(["learner", "class"]), table_by(["name", "colour"])
    ('enrollments', '')
    """
    names = {_OF["enrollments"].get(plain_name(name), "") for name in header}
    return "enrollments" if {"userSourcedId", "classSourcedId"} <= names else ""


_PLACE = re.compile(r"(course|role|type|enrolstatus)(\d+)")
_LISTED = "learnerenrollmentenrolledin"
_MOODLE = {"type": {"1": "student", "2": "teacher", "3": "teacher"}, "enrolstatus": {"1": "inactive"}}


def one_place_a_row(
    header: Sequence[str], rows: Iterable[list[str]]
) -> tuple[list[str], Iterator[list[str]]]:
    """Return a table that has several classes in one row as one with a row for each class; others as it is.

    Moodle's upload of users has columns course1, role1, course2 and so on; Kolibri's export of users lists
    the names of the classes in one cell, and says by an empty one that somebody is no learner of any.

    >>> header, rows = one_place_a_row(["username", "course1", "course2"], [["ada", "m", "d"]])
    >>> header, list(rows)
    (['username', 'class', 'role', 'status'], [['ada', 'm', '', ''], ['ada', 'd', '', '']])
    """
    plain = [plain_name(name) for name in header]
    if _LISTED in plain:
        at = plain.index(_LISTED)
        kept = [i for i, name in enumerate(plain) if name == "databaseiduuid"]
        return [*(header[i] for i in kept), "class"], (
            [*(_cell(row, i) for i in kept), place.strip()]
            for row in rows
            for place in _cell(row, at).split(",")
            if place.strip()
        )
    numbered = {found.groups(): i for i, name in enumerate(plain) if (found := _PLACE.fullmatch(name))}
    numbers = sorted({number for kind, number in numbered if kind == "course"}, key=int)
    if not numbers:
        return list(header), iter(rows)
    kept = [i for i in range(len(header)) if i not in numbered.values()]

    def said(row: list[str], kind: str, number: str) -> str:
        value = _cell(row, numbered.get((kind, number), len(row)))
        return _MOODLE.get(kind, {}).get(value, "" if kind == "enrolstatus" else value)

    return [*(header[i] for i in kept), "class", "role", "status"], (
        [*(_cell(row, i) for i in kept), place, said(row, "role", n) or said(row, "type", n), gone]
        for row in rows
        for n in numbers
        if (place := said(row, "course", n))
        for gone in (said(row, "enrolstatus", n),)
    )


def _cell(row: Sequence[str], at: int) -> str:
    return row[at].strip() if at < len(row) else ""


def columns_of(table: str, stem: str, header: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return our name of each column ('' for others), and what the rows of such a file have in common."""
    known = _OF_ALL | {plain_name(column.name): column.name for column in TABLES[table]} | _OF.get(table, {})
    plain = [plain_name(name) for name in header]
    names = [known.get(name, "") for name in plain]
    given: dict[str, str] = {}
    if table == "enrollments":
        if "userSourcedId" not in names:  # School Data Sync 1 calls the user SIS ID
            names = ["userSourcedId" if name == "sourcedId" else name for name in names]
        if "role" not in names:
            given = {"role": "teacher" if "teacher" in plain_name(stem) else "student"}
        section = [i for i, name in enumerate(plain) if "section" in name or "class" in name]
        if "rolename" in plain:  # beside it, a type says what kind of record the row is
            names = ["" if plain[i] == "type" else name for i, name in enumerate(names)]
        if section:  # a course beside a section is not the class
            names = [
                "" if name == "classSourcedId" and "course" in plain[i] else name
                for i, name in enumerate(names)
            ]
        if len({"userid", "studentid", "usersourcedid"} & set(plain)):
            names = ["" if plain[i] in ("username", "user", "student") else n for i, n in enumerate(names)]
    first_only = [name if name not in names[:i] else "" for i, name in enumerate(names)]
    return first_only, given
