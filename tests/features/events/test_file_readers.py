"""Files as they really come: wrong encodings, missing columns, huge lines, cycles, several spellings."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pandas as pd
import pytest

from segue.features.catalogue import CatalogueError
from segue.features.events.event_records import Clock, RecordsError
from segue.features.events.file_readers import Source, cleaned, listed, read_catalogue, read_events
from segue.features.events.table_files import LONGEST_LINE, read_table

HEAD = "learner,resource,score,time\n"
ROW = "ada,r1,1,2026-11-23T08:00:00Z\n"


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_rows_keep_their_line_numbers(tmp_path: Path) -> None:
    text = HEAD + ROW + ROW.replace(",1,", ",87,") + '"two\nlines",r1,1,2026-11-23T08:00:00Z\n' + "ada,r1\n"
    done = read_events(write(tmp_path / "a.csv", text), Source())
    assert len(done.events) == 1
    assert done.rejects["line"].tolist() == [3, 5, 6]  # an id with a line break is no id
    assert "line has 2 cells, the header has 4" in done.rejects["reason"].iloc[-1]


def test_a_line_in_another_encoding_leaves_alone(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv", (HEAD + ROW).encode() + "zoë,r1,1,2026-11-23T08:00:00Z\n".encode("latin-1")
    )
    done = read_events(path, Source())
    assert len(done.events) == 1
    assert "not UTF-8 at byte 3" in done.rejects["reason"][0]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty: it needs a header line"),
        (b"\n\n", "has no header line"),
        (b"learner,\x00resource\n", "header of .* cannot be read"),
        (b"user,resource,score,time\n", "column learner is missing"),
        (b"learner,learner,time\n", "names a column twice"),
        (b"learner,resource,score\na,b,1\n", "column time is missing"),
    ],
)
def test_where_nothing_can_be_read_one_sentence_says_why(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    with pytest.raises(RecordsError, match=sentence):
        read_events(write(tmp_path / "a.csv", content), Source())


def test_a_file_that_is_not_there_or_not_what_it_says(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="does not exist"):
        read_events(tmp_path / "none.csv", Source())
    with pytest.raises(RecordsError, match="cannot be read as gzip"):
        read_events(write(tmp_path / "a.csv.gz", HEAD), Source())
    packed = bytearray(gzip.compress((HEAD + ROW).encode()))
    packed[20] ^= 255
    with pytest.raises(RecordsError, match="cannot be read as gzip"):
        read_events(write(tmp_path / "b.csv.gz", bytes(packed)), Source())
    with pytest.raises(RecordsError, match="cannot be read as Parquet"):
        read_events(write(tmp_path / "a.parquet", HEAD), Source())
    for text in (
        '{"actor": "mailto:ada@example.org"}\n',
        '\ufeff[\n  {"actor": "ada"}]',
        '[{"actor": "ada"}]',
    ):
        with pytest.raises(RecordsError) as caught:
            read_events(write(tmp_path / "a.json", text), Source())
        assert "ada" not in str(caught.value)  # what is said goes to a journal


def test_a_line_of_a_hundred_megabytes_is_skipped_in_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.write((HEAD + ROW).encode())
        for _ in range(100):
            file.write(b"x" * LONGEST_LINE)
        file.write(("\n" + ROW).encode())
    done = read_events(path, Source())
    assert len(done.events) == 2
    assert done.rejects["reason"].tolist() == [f"line is longer than {LONGEST_LINE:,} bytes"]
    assert done.rejects["line"].tolist() == [3]


def test_a_quote_that_never_closes_does_not_swallow_the_file_silently(tmp_path: Path) -> None:
    filler = "".join(f"ada,r{i},1,2026-11-23T08:00:00Z\n" for i in range(9_000))
    done = read_events(write(tmp_path / "a.csv", HEAD + ROW + 'ada,"r1,1\n' + filler), Source())
    assert len(done.events) > 1
    assert "cannot be read as CSV" in done.rejects["reason"][0]


def test_columns_are_mapped_and_our_own_spellings_known(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv.gz", gzip.compress(b"user_id,item,correct,t\n7,r1,1,1760000000\n"))
    names = {"item": "resource_id", "correct": "score", "t": "timestamp"}
    done = read_events(path, Source(names=names, clock=Clock(epoch="s")))
    assert done.events.loc[0, ["learner", "resource", "score"]].tolist() == ["7", "r1", 1.0]
    with pytest.raises(RecordsError, match="no column 'itm' to map"):
        read_events(path, Source(names={"itm": "resource"}))


def test_without_time_the_rows_are_ordered_by_what_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "learner,resource,score,n\na,r,1,20\na,r,0,10\n")
    by_column = read_events(path, Source(order_by="n")).events
    by_line = read_events(path, Source(order_by="line")).events
    assert by_column["seq"].tolist() == [20, 10]
    assert by_line["seq"].tolist() == [2, 3]
    assert by_line["time"].isna().all()


def test_parquet_reads_as_csv(tmp_path: Path) -> None:
    frame = pd.DataFrame({"learner": [1, 2], "resource": ["a", "b"], "score": [1.0, 0.0], "seq": [5, 6]})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_csv(tmp_path / "a.csv", index=False)
    one, other = (read_events(tmp_path / f"a.{kind}", Source(order_by="seq")) for kind in ("parquet", "csv"))
    pd.testing.assert_frame_equal(one.events, other.events)


def test_the_catalogue_joins_lines_and_cleans_titles(tmp_path: Path) -> None:
    head = "resource_id,title,skills,tags,minutes,kind,source\n"
    text = head + "r1,  A\u0007 b ,s1;s2,x|y,5,Quiz,press\nr1,A b,s3,,5,,\nr2,B,,,-1,,\n"
    read = read_catalogue(write(tmp_path / "r.csv", text))
    (resource,) = read.catalogue.resources
    assert (resource.title, resource.kind, resource.minutes) == ("A b", "quiz", 5.0)
    assert resource.source == "press"
    assert (resource.skills, resource.tags) == (("s1", "s2", "s3"), ("x", "y"))
    assert read.rejects["reason"].tolist() == ["minutes must be above 0, got -1"]
    assert any("several lines" in note for note in read.catalogue.notes)


def test_addresses_are_whole_and_those_without_a_link_are_told(tmp_path: Path) -> None:
    long = "https://e.org/?at=" + "a" * 1_900
    rows = [f"r1,{long}", "r2,javascript:alert(1)", "r3,www.e.org", "r4,/lesson", "r5,", f"r6,{long * 2}"]
    read = read_catalogue(write(tmp_path / "r.csv", "\n".join(["resource_id,url", *rows])))
    assert [one.url for one in read.catalogue.resources] == [long, "", "www.e.org", "/lesson", ""]
    assert [note for note in read.catalogue.notes if "'r2' and 1 more" in note]
    assert read.rejects["reason"].tolist() == [
        "url must have at most 2000 characters: cut, it would lead nowhere"
    ]


def test_skills_prerequisites_and_cycles(tmp_path: Path) -> None:
    resources = write(tmp_path / "r.csv", "resource_id,skill\nr1,a\nr2,b\n")
    skills = write(tmp_path / "s.csv", "skill_id,i_can\na,I can add\n")
    cycle = write(tmp_path / "p.csv", "prerequisite,skill\na,b\nb,a\n")
    with pytest.raises(CatalogueError, match=r"cycle: (a → b|b → a)"):
        read_catalogue(resources, skills=skills, prerequisites=cycle)
    broken = read_catalogue(resources, skills=skills, prerequisites=cycle, on_cycle="break").catalogue
    assert broken.broken_edges == (("b", "a"),)
    assert broken.skills[0].i_can == "I can add"


def test_a_catalogue_without_skills_says_what_it_does_instead(tmp_path: Path) -> None:
    read = read_catalogue(write(tmp_path / "r.csv", "resource_id\nr1\nr2\n"))
    assert len(read.catalogue.skills) == 2
    assert "each is its own skill" in read.catalogue.notes[0]


def test_a_catalogue_of_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="no usable resource"):
        read_catalogue(write(tmp_path / "r.csv", "resource_id,minutes\nr1,x\n"))
    with pytest.raises(RecordsError, match="has no column resource_id"):
        read_catalogue(write(tmp_path / "r2.csv", "identifier\nr1\n"))


def test_lists_and_titles_in_their_many_spellings() -> None:
    assert listed('["a", "b"];c') == ("a", "b", "c")
    assert listed("[a, 'b']") == ("a", "b")
    assert listed(["x", "x"]) == ("x",)
    assert listed(None) == listed("[]") == listed("nan") == ()
    assert cleaned("e\u0301\u200b  x") == "é x"


def test_real_logs_lose_no_row(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    with gzip.open(shared_data("statics2011/interactions.csv.gz"), "rt") as whole:
        path = write(tmp_path / "log.csv", "".join(islice(whole, 40_001)))
    names = {"item_id": "resource", "correct": "score"}
    done = read_events(path, Source(names=names, order_by="seq"))
    assert (len(done.events), len(done.rejects)) == (40_000, 0)
    assert done.dropped == ("skill_combo_id",)
    assert read_table(path, {}, aliases={}).lines[-1] == 40_001
