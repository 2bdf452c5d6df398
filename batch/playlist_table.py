"""Playlists as a table, one row a learner and position, with the reason of each step in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from segue.engine.explanations.why import READ, students_words
from segue.features.catalogue import Catalogue, Resource
from segue.features.contexts.context_columns import INDEX
from segue.features.events.outward_text import csv_table
from segue.features.history.learner_state import LearnerState
from segue.features.history.state_columns import N_COLUMNS
from segue.workspace.records.decision_log import Entry, StepCells, once_a_step

SCHEMA = pa.schema(
    [
        ("week", pa.string()),
        ("learner", pa.string()),
        ("position", pa.int64()),
        ("resource", pa.string()),
        ("title", pa.string()),
        ("minutes", pa.float64()),
        ("propensity", pa.float64()),
        ("score", pa.float64()),
        ("explored", pa.bool_()),
        ("why", pa.string()),
        ("reasons", pa.string()),
        ("decision_id", pa.string()),
        ("course", pa.string()),
    ]
)
_READ = [INDEX[name] for name in READ]


def table_of(
    entries: Sequence[Entry],
    cells: StepCells,
    catalogue: Catalogue,
    *,
    names: Mapping[int, str],
    courses: Sequence[str],
) -> pa.Table:
    """Return lists as a table; `why` is in the learner's words.

    `cells` are those of the entries, `names` what learners are called in the output, by number, `courses` the
    classes whose places, from 1, the draws name.
    """
    lengths, course_of = cells.lengths, ("", *courses)
    resources = [catalogue.resource(name) for name in cells.resource]
    columns = {
        "week": once_a_step((entry.draw.week for entry in entries), lengths),
        "learner": once_a_step((names[entry.draw.learner] for entry in entries), lengths),
        "position": [position for n in lengths for position in range(1, n + 1)],
        "resource": cells.resource,
        "title": [resource.title for resource in resources],
        "minutes": [resource.minutes for resource in resources],
        "propensity": cells.propensity,
        "score": cells.score,
        "explored": cells.explored,
        "why": _words(entries, cells, resources, catalogue),
        "reasons": cells.reasons,
        "decision_id": [name for entry in entries for name in entry.decision_ids],
        "course": once_a_step((course_of[entry.draw.request_no] for entry in entries), lengths),
    }
    return pa.table(columns, schema=SCHEMA)


def write_csv(parts: Sequence[Path], path: Path) -> None:
    """Write the rows of Parquet files of such tables as one CSV."""
    with pa_csv.CSVWriter(path, SCHEMA) as whole:
        for one in parts:
            with pq.ParquetFile(one, pre_buffer=False) as part:
                whole.write_table(csv_table(part.read(SCHEMA.names, use_threads=False)))


def _words(
    entries: Sequence[Entry], cells: StepCells, resources: Sequence[Resource], catalogue: Catalogue
) -> list[str]:
    """Return each step in the learner's words."""
    lengths, skills = cells.lengths, [catalogue.skill_index[resource.skills[0]] for resource in resources]
    states = [entry.request.state or LearnerState.fresh(catalogue) for entry in entries]
    ends = pairwise(accumulate(lengths, initial=0))
    said = [state.rows[skills[a:b]] for state, (a, b) in zip(states, ends, strict=True)]
    return students_words(
        catalogue,
        resources,
        cells.contexts[:, _READ],
        rows=np.concatenate([np.zeros((0, N_COLUMNS)), *said]),
        now=np.repeat([entry.request.now.timestamp() for entry in entries], lengths),
        interests=once_a_step((entry.request.interests for entry in entries), lengths),
    )
