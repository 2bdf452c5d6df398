"""Who is in which class, from any vendor's file and any log, with ends; a file that gives nothing says so."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from segue.lms.documents.rosters import RosterError, claims_of, is_roster, read_roster

AT = datetime(2026, 11, 23, tzinfo=UTC)
FILES = {
    "enrollments.csv": "sourcedId,classSourcedId,userSourcedId,role\n1,7b,ada,student\n2,7b,t1,teacher\n",
    "enrollments.txt": "section_id\tstudent_id\n7b\tada\n",  # Clever
    "rosters.csv": "roster_id,class_id,student_id\n9,7b,ada\n",  # Apple School Manager
    "StudentEnrollment.csv": "Section SIS ID,SIS ID\n7b,ada\n",  # School Data Sync 1
    "enrolments.csv": "course_id;section_id;user_id;role;status\nm;7b;ada;student;active\n;7b;bob;;deleted\n",
    "class list.csv": "Class;Student ID\n7b;ada\n",
    "membership.txt": (
        "EXTERNAL_COURSE_KEY|EXTERNAL_PERSON_KEY|ROLE|ROW_STATUS\n7b|ada|S|enabled\n7b|bob|S|disabled\n"
    ),  # Blackboard
    "8-Enrollments.csv": (
        "type,action,child_code,role_name,parent_code\nenrollment,UPDATE,ada,Learner,7b\n"
        "enrollment,DELETE,bob,Learner,7b\n"
    ),  # Brightspace
    "schoology.csv": "Section Code,Unique User ID,Enrollment Type\n7b,ada,Member\n7b,t,Admin\n",
    "cc.txt": "CC.SectionID\tSTUDENTS.Student_Number\tCC.DateEnrolled\tCC.DateLeft\n7b\tada\t2026-09-01\t\n",
    "participants.csv": (
        "courseId,courseName,userRole,userId,profile.name.fullName\n7b,M,STUDENT,ada,A\n7b,M,TEACHER,t,T\n"
    ),  # Google Classroom
    "users.csv": (
        "username,firstname,course1,role1,course2,type2,enrolstatus2\n"
        "ada,A,7b,student,7c,1,1\nt,T,7b,editingteacher,,,\n"
    ),  # Moodle's upload of users
    "school_users.csv": (
        "Database ID (UUID),Username (USERNAME),User type (USER_TYPE),Learner enrollment (ENROLLED_IN),"
        "Coach assignment (ASSIGNED_TO)\nada,a1,LEARNER,7b,\nt,t1,CLASS_COACH,,7b\n"
    ),  # Kolibri's export of users
    "Klassenliste.csv": "Klasse;Schueler-ID\n7b;ada\n",
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_every_vendors_file_says_the_same(tmp_path: Path, name: str, encoding: str) -> None:
    path = tmp_path / name
    path.write_text(FILES[name], encoding=encoding)
    found = read_roster(path, at=AT)
    assert found[["learner", "class_id", "role"]].values.tolist() == [["ada", "7b", "student"]]
    assert is_roster(path)


def test_classes_in_one_row_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text('Database ID (UUID),Learner enrollment (ENROLLED_IN)\nada,"7a, 7b"\nbob,\n')
    assert is_roster(path)
    assert read_roster(path)[["learner", "class_id"]].values.tolist() == [["ada", "7a"], ["ada", "7b"]]


def test_leavers_leave_and_newcomers_wait(tmp_path: Path) -> None:
    rows = "ada,7b,student,,\nbob,7b,student,,2026-10-01\ncyd,7b,student,2026-12-01,\n"
    path = tmp_path / "enrollments.csv"
    path.write_text("user_id,class_id,role,begin_date,end_date\n" + rows)
    assert read_roster(path, at=AT)["learner"].tolist() == ["ada"]
    assert len(read_roster(path)) == 3


def test_a_canvas_log_is_a_roster(tmp_path: Path) -> None:
    def event(user: str, state: str, at: str) -> str:
        metadata = {
            "event_name": "enrollment_updated",
            "event_time": at,
            "root_account_id": "21070000000000001",
        }
        body = {"type": "StudentEnrollment", "user_id": user, "course_id": "5", "workflow_state": state}
        return json.dumps({"metadata": metadata, "body": body})

    path = tmp_path / "log.ndjson"
    lines = [event("1", "active", "2026-09-01T00:00:00Z"), event("2", "active", "2026-09-01T00:00:00Z")]
    path.write_text("\n".join([*lines, event("2", "deleted", "2026-10-01T00:00:00Z")]))
    assert read_roster(path, at=AT)["learner"].tolist() == ["21070000000000001"]


def test_a_file_that_gives_nothing_says_what_was_sought_and_found_and_no_name(tmp_path: Path) -> None:
    path = tmp_path / "enrollments.csv"
    path.write_text("Pupil name,Ada Lovelace\nx,y\n")
    with pytest.raises(RosterError) as error:
        read_roster(path)
    said = str(error.value)
    assert "1 of 1 rows" in said
    assert "userSourcedId" in said
    assert "'Pupil name' and 1 more" in said
    assert "Ada" not in said


def test_claims_are_read_by_name_and_addresses_hashed(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text(
        'sourcedId,username,email,userIds\ns1,ada,Ada@School.example,"{LDAP:l1},{SIS:x9}"\n'
    )
    assert claims_of(tmp_path, "username") == [("s1", "ada")]
    assert claims_of(tmp_path, "userIds:SIS") == [("s1", "x9")]
    ((_, hashed),) = claims_of(tmp_path, "email")
    assert len(hashed) == 40
