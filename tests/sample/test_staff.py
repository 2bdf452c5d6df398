"""Teachers' own learning is a catalogue like another; ``tests/test_school.py`` takes a school through it."""

from __future__ import annotations

from segue import sample


def test_every_skill_is_taught_and_no_text_says_student_or_segue() -> None:
    catalogue = sample.load("staff")
    assert {skill for one in catalogue.resources for skill in one.skills} == set(catalogue.skill_index)
    texts = [one.title for one in catalogue.resources]
    texts += [text for one in catalogue.skills for text in (one.statement, one.i_can)]
    assert not [text for text in texts if "student" in text.lower() or "segue" in text.lower()]
