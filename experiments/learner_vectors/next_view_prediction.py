"""How well do interests foretell what is viewed next? Each first view ranked among all it could have been."""

from __future__ import annotations

import ast
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from segue.experiments.learner_vectors.attempt_files import (
    TraceError,
    add_empty,
    require,
    table_of,
    usable,
)
from segue.features.events.row_faults import Rejected, RowFaults
from segue.features.history.attempts import Floats, Ints
from segue.features.vectors.interests import NAMES, Shelf, Views, choices
from segue.models.conditional_logit import ConditionalLogit

VALIDATION_SHARE = 0.2  # of the views before the test: the period on which the mixture is fitted
MOST_CHOICES = 2500  # to fit on: evenly spread over the validation period
NO_TIME = "'created_at' is no time as 2020-01-31T09:30:00Z, and no day"
NO_TAG = ("", "N/A", "nan", "None")


@dataclass(frozen=True, eq=False)
class ViewPlatform:
    """Views of a platform in time order, its items, and the views that cannot be read."""

    views: Views
    shelf: Shelf
    rejected: Rejected = field(default_factory=Rejected)


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
    (seen, unreadable), (shelf, _) = table_of(views), table_of(items)
    require(seen, views, ("user_id", "item_id", "created_at"))
    require(shelf, items, ("item_id", *tags))
    shelf = shelf.dropna(subset="item_id").drop_duplicates("item_id")
    shelf = shelf.sort_values("item_id", ignore_index=True)
    faults = RowFaults(np.arange(len(seen)))
    add_empty(faults, seen, ("user_id", "item_id", "created_at"))
    faults.add(~seen["item_id"].isin(shelf["item_id"]), f"{items.name} does not have the item")
    seen["created_at"] = _seconds(seen)
    faults.add(seen["created_at"].isna(), NO_TIME)
    seen, rejected = usable(seen, faults, unreadable, views)
    learner = np.unique(seen["user_id"].to_numpy(), return_inverse=True)[1]
    item = pd.Index(shelf["item_id"]).get_indexer(pd.Index(seen["item_id"])).astype(np.int64)
    codes, n_tags = tag_codes(shelf, tags)
    created = np.full(len(shelf), -np.inf)
    if "created_at" in shelf:
        created = _seconds(shelf)
        wrong = shelf[np.isnan(created) & shelf["created_at"].notna()]
        for one in wrong[:1].itertuples():
            raise TraceError(f"item {one.item_id} of {items}: {NO_TIME}, but {one.created_at!r}")
    return ViewPlatform(
        Views.sorted(learner, item, seen["created_at"].to_numpy(np.float64)),
        Shelf(codes, n_tags, np.where(np.isnan(created), -np.inf, created)),
        rejected,
    )


def _seconds(frame: pd.DataFrame) -> Floats:
    """Return the times of `created_at` in seconds, NaN where the cell holds none."""
    times = pd.to_datetime(frame["created_at"].astype("string"), utc=True, errors="coerce", format="ISO8601")
    seconds = times.dt.as_unit("ns").astype("int64").to_numpy(np.int64) / 1e9
    return np.where(times.isna().to_numpy(), np.nan, seconds)


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
        "rejected": asdict(platform.rejected),
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
