"""Names that other systems give the tables and columns of a roster, to OneRoster's.

Seen in School Data Sync 1 and 2, Clever, Apple School Manager, Canvas SIS files, and hand-made lists.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    "learner learnerid student pupil user username memberid"
)
_CLASS = (
    "classsourcedid sectionsisid classid sectionid classsisid class section group groupid courseid "
    "coursesourcedid course classcode"
)
_OF = {
    "enrollments": {
        **dict.fromkeys(_USER.split(), "userSourcedId"),
        **dict.fromkeys(_CLASS.split(), "classSourcedId"),
        **dict.fromkeys(("enrollmentid", "rosterid"), "sourcedId"),
        **dict.fromkeys(("role", "type", "membertype"), "role"),
        **dict.fromkeys(("status", "enrollmentstatus", "state"), "status"),
        **dict.fromkeys(("begindate", "startdate", "startat", "from", "start"), "beginDate"),
        **dict.fromkeys(("enddate", "endat", "until", "end", "exitdate", "leavedate"), "endDate"),
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
        if section:  # a course beside a section is not the class
            names = [
                "" if name == "classSourcedId" and "course" in plain[i] else name
                for i, name in enumerate(names)
            ]
        if len({"userid", "studentid", "usersourcedid"} & set(plain)):
            names = ["" if plain[i] in ("username", "user", "student") else n for i, n in enumerate(names)]
    return _first_only(names), given


def _first_only(names: list[str]) -> list[str]:
    """Return names with the second and later of one name left out: the first column counts."""
    return [name if name not in names[:i] else "" for i, name in enumerate(names)]
