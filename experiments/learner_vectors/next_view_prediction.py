"""How well do interests foretell what is viewed next? Each first view ranked among all it could have been."""

from __future__ import annotations

import ast
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from segue.experiments.learner_vectors.attempt_files import (
    TraceError,
    first_of,
    refuse_empty,
    require,
    table_of,
)
from segue.features.history.attempts import Floats, Ints
from segue.features.vectors.interests import NAMES, Shelf, Views, choices
from segue.models.conditional_logit import ConditionalLogit

VALIDATION_SHARE = 0.2  # of the views before the test: the period on which the mixture is fitted
MOST_CHOICES = 2500  # to fit on: evenly spread over the validation period
NO_TAG = ("", "N/A", "nan", "None")


@dataclass(frozen=True, eq=False)
class ViewPlatform:
    """Views of a platform in time order, and its items."""

    views: Views
    shelf: Shelf


def read_platform(views: Path, items: Path, *, tags: Sequence[str]) -> ViewPlatform:
    """Return what the two tables say.

    Parameters
    ----------
    views : path
        CSV with `user_id, item_id, created_at`.
    items : path
        CSV with `item_id`, the columns named by `tags` (a tag, or a list such as "['a', 'b']"), and
        optionally `created_at`: an item is on offer from then on.
    """
    seen, shelf = table_of(views), table_of(items)
    require(seen, views, ("user_id", "item_id", "created_at"))
    require(shelf, items, ("item_id", *tags))
    refuse_empty(seen, views, ("user_id", "item_id", "created_at"))
    refuse_empty(shelf, items, ("item_id",))
    shelf = shelf.drop_duplicates("item_id").sort_values("item_id").reset_index(drop=True)
    index = pd.Series(np.arange(len(shelf)), index=shelf["item_id"])
    unknown = ~seen["item_id"].isin(index.index)
    if unknown.any():
        raise TraceError(
            f"{views} names item {seen['item_id'][unknown].iloc[0]}, which {items} does not have"
        )
    learner = np.unique(seen["user_id"].to_numpy(), return_inverse=True)[1]
    item = index.loc[seen["item_id"]].to_numpy(np.int64)
    codes, n_tags = tag_codes(shelf, tags)
    created = _seconds(shelf, items) if "created_at" in shelf else np.full(len(shelf), -np.inf)
    return ViewPlatform(
        Views.sorted(learner, item, _seconds(seen, views)),
        Shelf(codes, n_tags, np.where(np.isnan(created), -np.inf, created)),
    )


def _seconds(frame: pd.DataFrame, path: Path) -> Floats:
    """Return the times of `created_at` in seconds, NaN where the cell is empty."""
    texts = frame["created_at"]
    times = pd.to_datetime(texts.astype("string"), utc=True, errors="coerce", format="ISO8601")
    times = times.dt.as_unit("ns")
    bad = times.isna() & texts.notna()
    if bad.any():
        raise TraceError(
            f"column 'created_at' of {path} must hold times as 2020-01-31T09:30:00Z or days, "
            f"{first_of(texts, bad)}"
        )
    return np.where(times.isna().to_numpy(), np.nan, times.astype("int64").to_numpy(np.int64) / 1e9)


def tag_codes(items: pd.DataFrame, columns: Sequence[str]) -> tuple[Ints, int]:
    """Return the tags of each item as codes (n, T_max), padded by -1, and the number of tags.

    A tag is a column and a value: "Excel" as software is not "Excel" as theme.
    """
    rows: list[list[tuple[str, str]]] = [
        [(column, tag) for column, value in zip(columns, row, strict=True) for tag in _tags(value)]
        for row in items[list(columns)].itertuples(index=False)
    ]
    index = {tag: i for i, tag in enumerate(sorted({tag for row in rows for tag in row}))}
    out = np.full((len(rows), max([len(row) for row in rows], default=0) or 1), -1, dtype=np.int64)
    for i, row in enumerate(rows):
        out[i, : len(row)] = [index[tag] for tag in row]
    return out, len(index)


def _tags(value: object) -> list[str]:
    """Return the tags of one cell: a list written as such, with or without quotes, or a single word.

    >>> [_tags(cell) for cell in ("['a', 'b']", "[a, b]", "Excel", "[]", "N/A", "[draft")]
    [['a', 'b'], ['a', 'b'], ['Excel'], [], [], ['[draft']]
    """
    text = str(value).strip()
    found: Sequence[object] = [text]
    if text.startswith("[") and text.endswith("]"):
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            found = text[1:-1].split(",")
    return [tag for tag in dict.fromkeys(str(t).strip() for t in found) if tag not in NO_TAG]


def fit_mixture(platform: ViewPlatform, *, until: float) -> ConditionalLogit:
    """Return the weights of the mixture, fitted to the first views of the last views before `until`."""
    before = platform.views.time[platform.views.time < until]
    if not len(before):
        raise TraceError("there must be views before the test period, got none: choose a later first day")
    start = float(np.quantile(before, 1.0 - VALIDATION_SHARE))
    seen = list(choices(platform.views, platform.shelf, start=start, end=until))
    spread = np.linspace(0, len(seen) - 1, min(MOST_CHOICES, len(seen)))
    kept = [seen[i] for i in spread.astype(np.int64).tolist()]
    return ConditionalLogit().fit([c.numbers for c in kept], [c.chosen for c in kept])


def ranks(platform: ViewPlatform, model: ConditionalLogit, *, start: float) -> Floats:
    """Return the rank of each first view from `start` on among its candidates; ties get their mean rank."""
    out = []
    for choice in choices(platform.views, platform.shelf, start=start):
        score = model.scores(choice.numbers)
        own = score[choice.chosen]
        out.append(1.0 + (score > own).sum() + 0.5 * ((score == own).sum() - 1))
    return np.array(out)


def trace_interests(views: Path, items: Path, *, tags: Sequence[str], test_from: str) -> dict[str, object]:
    """Return hit_at_10, mrr and n over the test period, the fitted weights, and the same with tags alone."""
    begin = time.perf_counter()
    start = start_of_test(test_from)
    platform = read_platform(views, items, tags=tags)
    model = fit_mixture(platform, until=start)
    fitted = time.perf_counter()
    found = ranks(platform, model, start=start)
    if not len(found):
        raise TraceError(f"there is no first view from {test_from} on: choose an earlier day")
    return {
        **_measures(found),
        "n": len(found),
        "weights": dict(zip(NAMES, model.weights_.round(4).tolist(), strict=True)),
        "tags_alone": _measures(ranks(platform, _tags_alone(), start=start)),
        "seconds": {"fit": round(fitted - begin, 3), "test": round(time.perf_counter() - fitted, 3)},
    }


def start_of_test(day: str) -> float:
    """Return when a day begins, in seconds."""
    try:
        moment = datetime.fromisoformat(day)
    except ValueError:
        raise TraceError(f"the first day of the test must be written as 2020-01-01, got {day!r}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _measures(found: Floats) -> dict[str, float]:
    return {"hit_at_10": float((found <= 10.0).mean()), "mrr": float((1.0 / found).mean())}


def _tags_alone() -> ConditionalLogit:
    model = ConditionalLogit()
    model.weights_ = np.array([float(name == "match") for name in NAMES])
    return model
