"""What commands print without a terminal: no line of text wider than 80 columns."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segue import sample
from segue.cli import main as cli

COLUMNS = 80
NOW = "--now 2026-11-23T08:00:00+00:00"
ADDRESSES = ("link", "calendar address")  # one word, to be copied whole
SESSION = f"""
init school
import school --catalogue resources.csv --skills skills.csv --prerequisites prerequisites.csv
import school --events events.csv
import school --events odd.csv
fit school {NOW}
recommend school -l pupil-1 -k 5 {NOW}
lists school -l pupil-1 {NOW}
profile school -l pupil-1 {NOW}
list resources school
list skills school
list learners school {NOW}
list models school
resources school
learn school {NOW}
week school --week 2026-W48 --out out --roster roster.csv -k 3
link school --learner pupil-1
doctor school
opt-out school -l pupil-5
vectors school --out vectors.parquet
catalogue list school
class groups school --class 7b --project bridge --roster roster.csv {NOW}
class feedback school --class 7b --roster roster.csv {NOW}
class talks school --class 7b --minutes 40 --roster roster.csv {NOW}
class pace school --class 7b --roster roster.csv {NOW}
class axes school --class 7b
policy show school
experiment list
evaluate log.csv --reward reward --propensity p --target target --group group
experiment gate log.csv --reward reward --propensity p --target target --group group
calendar address school --learner pupil-1
keys create school --scope backend --name ours
keys list school
lti rotate school
nonsense
import school --events a-file-that-is-not-there-and-has-a-long-name-so-that-the-sentence-is-long.csv
fit nowhere
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files of a class."""
    place, files = tmp_path_factory.mktemp("width"), sample.paths()
    for path in (files.resources, files.skills, files.prerequisites):
        shutil.copy(path, place / path.name)
    ids = [resource.resource_id for resource in sample.load().resources][:10]
    learners = [f"pupil-{who}" for who in range(6)]
    rows = [
        (who, ids[day], day % 3 > 0, f"2026-11-{day + 1:02d}T09:00Z") for who in learners for day in range(10)
    ]
    events = pd.DataFrame(rows, columns=["learner", "resource", "score", "time"])
    events.to_csv(place / "events.csv", index=False)
    odd = events.head(3).assign(
        resource="a-resource-that-the-catalogue-of-this-school-does-not-have", extra=1
    )
    odd = pd.concat([odd, events.head(1).assign(learner="pupil_1", time="2026-11-12T09:00Z")])
    odd.assign(**{f"a column that no one needs, {n}": n for n in range(5)}).to_csv(
        place / "odd.csv", index=False
    )
    pd.DataFrame({"learner": learners, "class": "7b"}).to_csv(place / "roster.csv", index=False)
    rng = np.random.default_rng(0)
    log = {"reward": rng.integers(2, size=400), "p": 0.5, "target": rng.choice([0.2, 0.8], 400)}
    pd.DataFrame(log).assign(group=rng.choice(["a", "b"], 400)).to_csv(place / "log.csv", index=False)
    return place


def test_no_line_is_wider_than_the_terminal_that_is_not_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    for name in ("COLUMNS", "SEGUE_KEY"):
        monkeypatch.delenv(name, raising=False)
    wide, codes = [], {}
    for line in SESSION.strip().splitlines():
        monkeypatch.setattr(sys, "argv", ["segue", *line.split()])
        try:
            cli.main()
            codes[line] = 0
        except SystemExit as end:
            codes[line] = int(end.code or 0)
        printed = "".join(capsys.readouterr())
        assert printed.strip() or line.startswith("experiment"), line
        if not line.startswith(ADDRESSES):
            wide += [(line, said) for said in printed.splitlines() if len(said) > COLUMNS]
    assert wide == []
    refused = [line.split()[0] for line, code in codes.items() if code == 2]
    assert refused == ["nonsense", "import", "fit"]
    assert {line.split()[0] for line, code in codes.items() if code == 1} <= {"week", "experiment"}
