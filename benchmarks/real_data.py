"""The main job on real logs, from CSV to playlists: rows read and rejected, seconds by stage, a playlist.

Run: OMP_NUM_THREADS=1 python benchmarks/real_data.py [statics2011 algebra2005-sample mars-mandarine-academy]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from _data import shared_data

from segue.batch.from_workspace import weekly
from segue.batch.plan import WeeklyPlan
from segue.cli.text_output import playlist_text
from segue.engine.requests.request import Request
from segue.experiments.learner_vectors.success_prediction import StageClock
from segue.features.events.event_records import Clock
from segue.features.events.file_readers import Source, read_catalogue, read_events
from segue.workspace.playlists.answering import Ask
from segue.workspace.storage.configuration import Configuration
from segue.workspace.workspace import Workspace

NOW = datetime(2026, 11, 23, tzinfo=UTC)
WEEK = "2026-W48"


@dataclass(frozen=True)
class Job:
    """How one data set is read: its catalogue, its events, and what their columns are called."""

    catalogue: str
    columns: dict[str, str]
    events: str
    source: Source


JOBS = {
    "statics2011": Job(
        "item_skills.csv.gz",
        {"item_id": "resource_id"},
        "interactions.csv.gz",
        Source({"item_id": "resource_id", "correct": "score"}, order_by="seq"),
    ),
    "algebra2005-sample": Job(
        "item_skills.csv.gz",
        {"item_id": "resource_id"},
        "interactions.csv.gz",
        Source({"item_id": "resource_id", "correct": "score", "t": "time"}, Clock(epoch="s")),
    ),
    "mars-mandarine-academy": Job(
        "items_en.csv.gz",
        {"item_id": "resource_id", "type": "kind", "Theme": "tags", "Software": "tags", "Job": "tags"},
        "page_views_en.csv.gz",
        Source(
            {"item_id": "resource_id", "created_at": "time"}, Clock(time_zone="Europe/Paris"), kind="view"
        ),
    ),
}


def run(name: str, folder: Path, workers: int) -> None:
    """Do one data set and print what happened."""
    job, clock = JOBS[name], StageClock()
    data = shared_data(name)
    space = Workspace.init(folder / name, environment={}, configuration=Configuration())
    with clock.stage("catalogue"):
        read = read_catalogue(data / job.catalogue, names={data / job.catalogue: job.columns})
        catalogue = space.set_catalogue(read.catalogue)
    with clock.stage("read"):
        checked = read_events(data / job.events, job.source, resources=catalogue.resource_index)
    with clock.stage("store"):
        stored = space.add_events(checked.events)
    with clock.stage("fit"):
        space.fit(now=NOW)
    with clock.stage("weekly"):
        plan = WeeklyPlan(WEEK, NOW, space.configuration.seed)
        report = weekly(space, plan, folder / name / "out", workers=workers)
    print(f"\n{name}")
    print(f"  {len(catalogue.resources):,} resources, {len(catalogue.skills):,} skills, ", end="")
    print(
        f"{len(catalogue.tag_ids)} tags; {checked.rows:,} rows read, {len(checked.rejects)} rejected, ",
        end="",
    )
    print(f"{stored.added:,} events stored; {report.learners:,} learners")
    print("  seconds: " + ", ".join(f"{stage} {spent:.1f}" for stage, spent in clock.seconds.items()))
    learner = checked.events["learner"].iloc[0]
    request = Request(learner, NOW)
    given = space.recommend(request, ask=Ask(week=WEEK))
    words = space.explain(request, given.playlist)
    print("  " + playlist_text(given.playlist, catalogue, words, title=f"The week of learner {learner}"))
    space.close()


def main() -> None:
    """Run the data sets that are named, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"default: {' '.join(JOBS)}")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen.names or JOBS:
            run(name, Path(folder), chosen.workers)


if __name__ == "__main__":
    main()
