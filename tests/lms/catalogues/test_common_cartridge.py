"""Common Cartridge and QTI: order, titles, kinds; what is missing or hostile is only counted."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from segue.features.catalogue import Catalogue
from segue.lms.catalogues.common_cartridge.qti import read_assessment
from segue.lms.catalogues.common_cartridge.reader import Cartridge, open_cartridge
from segue.lms.documents.read_document import answer
from segue.lms.records.safe_archive import parse_xml
from segue.lms.records.source_records import ReadReport, RecordRefusedError

MANIFEST = """<manifest xmlns="http://www.imsglobal.org/xsd/imsccv1p3/imscp_v1p1"
  xmlns:lom="http://ltsc.ieee.org/xsd/imsccv1p3/LOM/manifest">
 <metadata><lom:lom><lom:general><lom:title><lom:string>Maths 7</lom:string></lom:title></lom:general>
 </lom:lom></metadata>
 <organizations><organization><item>
  <item><title>Unit 1</title>
   <item identifierref="r2"><title>Quiz</title></item>
   <item identifierref="r1"><title>Fractions</title></item>
   <item identifierref="gone"><title>Lost</title></item>
  </item>
  <item><title>Unit 2</title><item identifierref="r3"/>
   <item identifierref="r1"><title>Again</title></item></item>
 </item></organization></organizations>
 <resources>
  <resource identifier="r1" type="webcontent" href="a%20page.html"><file href="a%20page.html"/></resource>
  <resource identifier="r2" type="imsqti_xmlv1p2/imscc_xmlv1p3/assessment"><file href="q.xml"/>
   <metadata><curriculumStandardsMetadata><labelledGUID><GUID>abc-1</GUID></labelledGUID>
   </curriculumStandardsMetadata></metadata></resource>
  <resource identifier="r3" type="imswl_xmlv1p3"><file href="w.xml"/></resource>
  <resource identifier="r4" type="webcontent" href="../../etc/passwd">
   <file href="../../etc/passwd"/></resource>
 </resources></manifest>"""
QUIZ = """<questestinterop xmlns="http://www.imsglobal.org/xsd/ims_qtiasiv1p2"><assessment title="Q">
 <section><item><itemmetadata><qtimetadata><qtimetadatafield><fieldlabel>points_possible</fieldlabel>
 <fieldentry>2</fieldentry></qtimetadatafield></qtimetadata></itemmetadata>
 <presentation><material><mattext>What is 1/2 + 1/4?</mattext></material></presentation></item>
 <item><presentation><material><mattext>Two?</mattext></material></presentation></item></section>
 </assessment></questestinterop>"""
LINK = '<webLink><title>Film</title><url href="https://www.youtube.com/watch?v=1"/></webLink>'
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><manifest>&b;</manifest>'


def folder(path: Path, manifest: str = MANIFEST) -> Path:
    (path / "imsmanifest.xml").write_text(manifest)
    (path / "a page.html").write_text("<h1>Fractions</h1><p>Halves &amp; quarters</p>")
    (path / "q.xml").write_text(QUIZ)
    (path / "w.xml").write_text(LINK)
    return path


def opened(path: Path) -> tuple[Cartridge, ReadReport]:
    report = ReadReport()
    return open_cartridge(path, "strict", report), report


def test_outline_order_titles_kinds_and_standards(tmp_path: Path) -> None:
    cartridge, report = opened(folder(tmp_path))
    assert not report.refused
    assert [r.resource_id for r in cartridge.resources] == ["r2", "r1", "r3"]
    assert [r.title for r in cartridge.resources] == ["Quiz", "Fractions", "Film"]
    assert [r.kind for r in cartridge.resources] == ["quiz", "text", "video"]
    assert cartridge.resources[0].skills == ("abc-1",)
    assert cartridge.descriptions["r1"] == "Fractions Halves & quarters"
    assert "1/2 + 1/4" in cartridge.descriptions["r2"]
    assert len(Catalogue.build(cartridge.resources).resources) == 3


def test_what_the_outline_hides_is_left_out(tmp_path: Path) -> None:
    hidden = MANIFEST.replace('identifierref="r2"', 'identifierref="r2" isvisible="false"')
    cartridge, report = opened(folder(tmp_path, hidden))
    assert [r.resource_id for r in cartridge.resources] == ["r1", "r3"]
    assert report.skipped["unpublished resource, left out"] == 1


def test_missing_and_outside_files_are_counted_not_read(tmp_path: Path) -> None:
    (folder(tmp_path) / "a page.html").unlink()
    _, report = opened(tmp_path)
    assert report.counts["missing files"] == 1
    assert report.warnings["file that lies outside the cartridge"] == 1
    assert report.warnings["item that points to no resource"] == 1


def test_a_real_export_is_read_with_warnings(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("lms/common-cartridge") / "canvas-export"
    found = answer("cartridge", str(path))
    assert found.accepted
    assert (found.counts["missing files"], found.counts["shown"]) == (4, 23)
    cartridge, _ = opened(path)
    assert [r.title for r in cartridge.resources[:3]] == ["Vertical", "LTI", "LTI no secure launch URL"]


def test_an_archive_is_read_the_same(tmp_path: Path) -> None:
    path = folder(tmp_path)
    with zipfile.ZipFile(tmp_path / "c.imscc", "w") as archive:
        for file in ("imsmanifest.xml", "a page.html", "q.xml", "w.xml"):
            archive.write(path / file, f"course/{file}")
    packed, plain = opened(tmp_path / "c.imscc")[0], opened(path)[0]
    assert repr(packed.resources) == repr(plain.resources)  # as text: a difficulty that is not told is NaN
    assert replace(packed, resources=()) == replace(plain, resources=())


@pytest.mark.parametrize(
    "manifest", [BOMB, "<manifest", "", '<!DOCTYPE m SYSTEM "file:///etc/passwd"><manifest/>']
)
def test_entities_and_broken_xml_are_refused(tmp_path: Path, manifest: str) -> None:
    found = answer("cartridge", str(folder(tmp_path, manifest)))
    assert found.accepted == manifest.endswith("<manifest/>")  # an external DTD is not fetched
    assert found.accepted or found.reason


def test_an_outline_nested_without_end_is_refused(tmp_path: Path) -> None:
    nested = "<item>" * 50_000 + "</item>" * 50_000
    manifest = f"<manifest><organizations><organization>{nested}</organization></organizations></manifest>"
    found = answer("cartridge", str(folder(tmp_path, manifest)))
    assert not found.accepted
    assert "nested" in found.reason


def test_what_is_no_cartridge_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.imscc").write_text("no zip")
    assert not answer("cartridge", str(tmp_path / "x.imscc")).accepted
    assert not answer("cartridge", str(tmp_path)).accepted
    assert not answer("cartridge", {"a": 1}).accepted


def test_qti_2_outline_is_counted() -> None:
    test = parse_xml(b'<assessmentTest title="T"><assessmentItemRef/><assessmentItemRef/></assessmentTest>')
    assert read_assessment(test).n_items == 2
    with pytest.raises(RecordRefusedError):
        parse_xml(BOMB.encode())


BARE = """<manifest xmlns="http://www.imsglobal.org/xsd/imsccv1p1/imscp_v1p1"><organizations/>
 <resources xml:base="content/">
  <resource identifier="page" type="webcontent" href="Wiki/Intro.html">
   <file href="Wiki/Intro.html"/></resource>
  <resource identifier="draft" type="webcontent" href="wiki/draft.html">
   <file href="wiki/draft.html"/></resource>
  <resource identifier="key" type="webcontent" href="Quiz 1 answer key.pdf">
   <file href="Quiz 1 answer key.pdf"/>
  </resource>
  <resource identifier="plan" type="webcontent" intendeduse="lessonplan" href="p.html">
   <file href="p.html"/></resource>
  <resource identifier="staff" type="webcontent" href="s.html"><metadata><lom>
   <educational><intendedEndUserRole>
   <value>Instructor</value></intendedEndUserRole></educational></lom></metadata>
   <file href="s.html"/></resource>
  <resource identifier="picture" type="webcontent" href="a.png"><file href="a.png"/></resource>
  <resource identifier="quiz" type="imsqti_xmlv1p2/imscc_xmlv1p1/assessment"><file href="q.xml"/>
   <dependency identifierref="settings"/></resource>
  <resource identifier="settings" type="associatedcontent/imscc_xmlv1p1/learning-application-resource"
   href="meta/assessment_meta.xml"><file href="meta/assessment_meta.xml"/></resource>
  <resource identifier="task" type="associatedcontent/imscc_xmlv1p1/learning-application-resource"
   href="t.html">
   <file href="t.html"/><file href="assignment_settings.xml"/></resource>
  <resource identifier="film" type="imswl_xmlv1p3"><webLink><title>Film</title>
   <url href="https://vimeo.com/1"/></webLink></resource>
 </resources></manifest>"""
UNPUBLISHED = '<html><head><meta name="workflow_state" content="unpublished"/></head></html>'


def bare(path: Path) -> Path:
    for folder in ("content/wiki", "content/meta"):
        (path / folder).mkdir(parents=True)
    files = {
        "IMSManifest.xml": BARE,
        "content/wiki/intro.html": "<html><head><title>Intro</title></head></html>",
        "content/wiki/draft.html": UNPUBLISHED,
        "content/q.xml": QUIZ,
        "content/meta/assessment_meta.xml": "<quiz><available>true</available></quiz>",
        "content/assignment_settings.xml": "<assignment><title>Essay</title>"
        "<points_possible>5</points_possible><workflow_state>published</workflow_state></assignment>",
    }
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def test_a_cartridge_without_an_outline_gives_what_there_is_to_do(tmp_path: Path) -> None:
    cartridge, report = opened(bare(tmp_path))
    assert [(r.resource_id, r.title, r.kind) for r in cartridge.resources] == [
        ("page", "Intro", "text"),
        ("quiz", "Q", "quiz"),
        ("task", "Essay", "exercise"),
        ("film", "Film", "video"),
    ]
    assert any("no outline" in warning for warning in report.warnings)


def test_answer_keys_and_unpublished_work_never_reach_learners(tmp_path: Path) -> None:
    cartridge, report = opened(bare(tmp_path))
    assert not {"draft", "key", "plan", "staff"} & {r.resource_id for r in cartridge.resources}
    assert sum(n for what, n in report.skipped.items() if what.endswith("left out")) == 4
    (tmp_path / "content" / "meta" / "assessment_meta.xml").write_text(
        "<quiz><available>false</available></quiz>"
    )
    assert "quiz" not in {r.resource_id for r in opened(tmp_path)[0].resources}
