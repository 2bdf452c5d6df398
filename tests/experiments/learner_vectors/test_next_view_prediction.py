"""Tracing of interests: tags from untidy cells, ranks by hand, and the figures on real views."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from segue.cli.trace import app
from segue.experiments.learner_vectors.attempt_files import TraceError
from segue.experiments.learner_vectors.next_view_prediction import (
    read_platform,
    tag_codes,
    trace_interests,
)

TAGS = ["Theme", "type"]


@pytest.fixture(name="files")
def platform_of_two_themes(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    theme = np.arange(30) % 3
    items = pd.DataFrame(
        {"item_id": np.arange(30) + 100, "Theme": [f"['{'abc'[t]}']" for t in theme], "type": "N/A"}
    )
    rows = []
    for user in range(80):
        liked = np.flatnonzero(theme == user % 3)
        for step, item in enumerate(rng.permutation(liked)[:6]):
            rows.append((user, item + 100, pd.Timestamp("2019-01-01") + pd.Timedelta(days=user * 4 + step)))
    views = pd.DataFrame(rows, columns=["user_id", "item_id", "created_at"])
    items.to_csv(tmp_path / "items.csv", index=False)
    views.to_csv(tmp_path / "views.csv", index=False)
    return tmp_path / "views.csv", tmp_path / "items.csv"


def test_tags_of_untidy_cells() -> None:
    items = pd.DataFrame({"Theme": ["['a', 'b', 'a']", "[]", "N/A"], "type": ["a", "video", float("nan")]})
    codes, n_tags = tag_codes(items, TAGS)
    assert n_tags == 4  # Theme a, Theme b, type a, type video
    assert [sorted(row[row >= 0].tolist()) for row in codes] == [[0, 1, 2], [3], []]


def test_interests_foretell_views_where_there_are_any(files: tuple[Path, Path]) -> None:
    found = trace_interests(*files, tags=TAGS, test_from="2019-10-01")
    assert isinstance(found["hit_at_10"], float)
    assert found["hit_at_10"] > 0.95  # ten of thirty items share the theme: 1/3 by chance
    assert isinstance(found["weights"], dict)
    assert found["weights"]["match"] > 0.0


def test_the_command_prints_what_the_contract_asks(files: tuple[Path, Path]) -> None:
    arguments = [
        "trace-interests",
        "--views",
        str(files[0]),
        "--items",
        str(files[1]),
        "--tags",
        "Theme,type",
    ]
    result = CliRunner().invoke(app, [*arguments, "--test-from", "2019-10-01", "--json"])
    assert result.exit_code == 0, result.output
    assert {"hit_at_10", "mrr", "n"} <= set(json.loads(result.output))
    late = CliRunner().invoke(app, [*arguments, "--test-from", "2031-01-01", "--json"])
    assert late.exit_code == 2
    assert "no first view" in late.output


def test_an_item_that_is_not_on_the_shelf_is_named(files: tuple[Path, Path], tmp_path: Path) -> None:
    pd.DataFrame({"user_id": [1], "item_id": [999], "created_at": ["2019-01-01"]}).to_csv(
        tmp_path / "v.csv", index=False
    )
    with pytest.raises(TraceError, match=r"items\.csv does not have the item \(line 2\)"):
        read_platform(tmp_path / "v.csv", files[1], tags=TAGS)


def test_times_in_any_iso_form_count_and_others_are_refused(files: tuple[Path, Path]) -> None:
    whole = trace_interests(*files, tags=TAGS, test_from="2019-10-01")["n"]
    views = pd.read_csv(files[0])
    mixed = [day if n % 2 else f"{day}T10:00:00Z" for n, day in enumerate(views["created_at"].tolist())]
    views.assign(created_at=mixed).to_csv(files[0], index=False)
    assert trace_interests(*files, tags=TAGS, test_from="2019-10-01")["n"] == whole
    for other in ("01/02/2019", "1559347200", "soon"):
        views.assign(created_at=other).to_csv(files[0], index=False)
        with pytest.raises(TraceError, match=f"{len(views)} rows rejected: .*'created_at' is no time"):
            read_platform(*files, tags=TAGS)
        views.assign(created_at=[*mixed[:-1], other]).to_csv(files[0], index=False)
        assert read_platform(*files, tags=TAGS).rejected.lines == (len(views) + 1,)
    items = pd.read_csv(files[1])
    items.assign(created_at="soon").to_csv(files[1], index=False)
    with pytest.raises(TraceError, match=r"'created_at' is no time .* but 'soon'"):
        read_platform(*files, tags=TAGS)


def test_an_item_is_on_offer_from_its_year_on(files: tuple[Path, Path]) -> None:
    items = pd.read_csv(files[1]).assign(created_at=2018)
    items.to_csv(files[1], index=False)
    (created,) = set(read_platform(*files, tags=TAGS).shelf.created.tolist())
    assert created == pd.Timestamp("2018-01-01", tz="UTC").timestamp()


@pytest.mark.parametrize("cell", ["['a", "[a, b]", "[", "[1 +]"])
def test_a_cell_of_tags_that_is_no_list_of_python_is_read(cell: str, files: tuple[Path, Path]) -> None:
    items = pd.read_csv(files[1])
    items.assign(Theme=cell).to_csv(files[1], index=False)
    assert read_platform(*files, tags=TAGS).shelf.n_tags >= 1


@pytest.mark.parametrize("column", ["user_id", "item_id"])
def test_a_view_of_nobody_or_nothing_is_left_out_and_counted(column: str, files: tuple[Path, Path]) -> None:
    views = pd.read_csv(files[0])
    views.loc[len(views)] = views.loc[3]
    views.loc[len(views) - 1, column] = None
    whole = trace_interests(*files, tags=TAGS, test_from="2019-10-01")
    views.to_csv(files[0], index=False)
    found = trace_interests(*files, tags=TAGS, test_from="2019-10-01")
    assert found["rejected"]["reasons"] == {f"{column!r} is empty": 1}  # type: ignore[index]
    assert found["mrr"] == whole["mrr"]


def test_a_day_that_is_none_is_one_sentence(files: tuple[Path, Path]) -> None:
    with pytest.raises(TraceError, match="written as"):
        trace_interests(*files, tags=TAGS, test_from="2019-13")


def test_the_figures_on_real_views(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("mars-mandarine-academy")
    found = trace_interests(
        folder / "page_views_en.csv.gz",
        folder / "items_en.csv.gz",
        tags=["Theme", "Software", "Job", "Difficulty", "type"],
        test_from="2019-07-01",
    )
    assert found["n"] == 1029
    assert isinstance(found["hit_at_10"], float)
    assert found["hit_at_10"] >= 0.46
