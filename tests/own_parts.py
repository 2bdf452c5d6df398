"""Four parts that somebody might add, as they would write them, and the term of a school that uses them.

python -m tests.own_parts FOLDER    in a copy of the project that has them
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Part:
    """One addition: the file it goes to, what is put where, its test, and what is seen of it in the end."""

    name: str
    file: str
    text: str
    test: str
    seen: str
    above: str = ""

    def add(self, folder: Path) -> None:
        """Write the file, or put the text above a line of one that is there."""
        path = folder / self.file
        if not self.above:
            path.write_text(self.text, encoding="utf-8")
            return
        whole = path.read_text(encoding="utf-8")
        assert whole.count(self.above) == 1, f"{self.file} has no single line {self.above!r}"
        path.write_text(whole.replace(self.above, self.text + self.above), encoding="utf-8")


POLICY = Part(
    "policy",
    "engine/policies/by_rank.py",
    '''"""A policy that reads ranks only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.engine.policies.base import Choice, Policy
from segue.features.catalogue import Floats


@dataclass(frozen=True)
class ByRank(Policy):
    """Each next score is drawn `fall` times as often as the one above it; ties share."""

    fall: float = 0.6

    @property
    def reads_std(self) -> bool:
        """Uncertainty changes nothing here."""
        return False

    def weigh(self, choice: Choice) -> Floats:
        """Return fall^(how many are better), shared among ties, on the allowed candidates."""
        values = np.where(choice.allowed, choice.values, -np.inf)
        better = (values[..., None, :] > values[..., :, None]).sum(axis=-1)
        weights = np.where(choice.allowed, self.fall**better, 0.0)
        choice.values[...] = weights / weights.sum(axis=-1, keepdims=True)
        return choice.values
''',
    """import numpy as np

from segue.engine.policies.by_rank import ByRank


def test_each_next_one_is_drawn_less_often() -> None:
    found = ByRank(0.5).probabilities(np.array([3.0, 1.0, 2.0]), np.zeros(3), allowed=np.ones(3, dtype=bool))
    assert np.allclose(found, np.array([4, 1, 2]) / 7)
""",
    "drawn by ByRank(fall=0.8)",
)
COLUMN = Part(
    "column",
    "features/contexts/context_columns.py",
    """    _mean(
        "rusty",
        lambda f: 1.0 - 2.0 ** (-np.minimum(f.skills.days, 365.0) / 30.0),
        "how long ago the skill was practised: 1 - 2^(-days / 30)",
    ),
""",
    """from segue.features.contexts.context_columns import COLUMNS, TABLE


def test_it_is_a_column_of_skills_with_a_range() -> None:
    (column,) = (column for column in TABLE if column.name == "rusty")
    assert (column.low, column.high) == (0.0, 1.0)
    assert COLUMNS.count("rusty") == 1
""",
    "column rusty is logged",
    above='    Column(\n        "quality",\n',
)
ESTIMATOR = Part(
    "estimator",
    "experiments/evaluation/estimators/single_step.py",
    '        "IPS_clip3": partial(clipped_ips, cap=3.0),\n',
    """import numpy as np

from segue.experiments.evaluation.estimators.single_step import ESTIMATORS, Rounds


def test_weights_are_cut_at_three() -> None:
    rounds = Rounds(reward=np.array([1.0, 1.0]), weight=np.array([0.5, 6.0]))
    assert ESTIMATORS["IPS_clip3"](rounds).value == (0.5 + 3.0) / 2
""",
    "IPS_clip3",
    above='        "SNIPS": snips,\n',
)
DOOR = Part(
    "door",
    "src/segue/cli/diary.py",
    '''"""`segue diary`: a teacher's notes, a line an answer: when, who, what, right or wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.arguments import Folder, opened

Notes = Annotated[Path, typer.Argument(help="Lines such as: 2026-11-02 ada pizza-fairly right.")]


app = typer.Typer()


@app.command("diary")
def diary(workspace: Folder, notes: Notes) -> None:
    """Read a teacher's notes.

    Example: segue diary school notes.txt
    """
    import pandas as pd

    from segue.features.events.event_records import check, identify

    lines = [line.split() for line in notes.read_text(encoding="utf-8").splitlines() if line.strip()]
    rows = [(f"{day}T12:00:00Z", who, what, float(how == "right")) for day, who, what, how in lines]
    frame = pd.DataFrame(rows, columns=["time", "learner", "resource", "score"])
    events = identify(check(frame, range(len(frame))).events)
    with opened(workspace) as space:
        done = space.add_events(events)
    typer.echo(f"{done.added} answers of the diary stored")
''',
    """from typer.testing import CliRunner

from segue.cli.main import app


def test_it_says_what_it_reads() -> None:
    assert "2026-11-02 ada" in CliRunner().invoke(app, ["diary", "--help"]).output
""",
    "answers of the diary stored",
)
PARTS = (POLICY, COLUMN, ESTIMATOR, DOOR)
NOW = "2026-11-23T08:00:00Z"
LATER = "2026-12-14T08:00:00Z"


def term(folder: Path) -> None:
    """Serve, gate and report a school with the four parts; every step by the command line."""
    import pandas as pd

    from segue import sample
    from segue.cli.main import app
    from segue.engine.policies.policy_version import PolicyVersion
    from segue.features.contexts.context_columns import COLUMNS
    from segue.workspace.workspace import Workspace

    def segue(*words: object, fine: tuple[int, ...] = (0,)) -> None:
        try:
            app(list(map(str, words)), standalone_mode=True)
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        assert code in fine, f"segue {' '.join(map(str, words))} ended with {code}"

    folder.mkdir()
    school, files, evidence = folder / "school", sample.paths(), folder / "evidence.csv"
    ids = [resource.resource_id for resource in sample.load().resources]
    learners = [f"pupil-{n}" for n in range(12)]
    segue("init", school)
    segue("import", school, "--catalogue", files.resources, "--skills", files.skills)
    lines = [
        f"2026-11-{day:02d} {who} {ids[(3 * day + n) % 24]} {'right' if (day + n) % 3 else 'wrong'}"
        for n, who in enumerate(learners)
        for day in range(1, 22)
    ]
    (folder / "notes.txt").write_text("\n".join(lines), encoding="utf-8")
    segue("diary", school, folder / "notes.txt")
    version = PolicyVersion().to_dict() | {
        "policy": {"name": "segue.engine.policies.by_rank:ByRank", "parameters": {"fall": 0.8}}
    }
    (folder / "version.json").write_text(json.dumps(version), encoding="utf-8")
    segue("fit", school, "--now", NOW)
    segue("policy", "apply", school, folder / "version.json", "--by", "rosa", "--now", NOW)
    for learner in learners:
        segue("recommend", school, "-l", learner, "-k", 4, "--now", NOW)
    with Workspace.open(school, environment={}) as space:
        steps = space.decisions()
        print("drawn by", *sorted(set(steps["policy"])))
        with space.store.read() as connection:
            fitted = space.champion(connection).fitted
        width = len(fitted.kernel.learned.model.b) if fitted.kernel.learned else len(COLUMNS)
        print(
            "column rusty is logged" if "rusty" in COLUMNS and width >= len(COLUMNS) else f"{width} columns"
        )
    answers = [
        (row.learner, row.resource, (n + day) % 2, f"2026-11-{25 + day}T09:{n % 60:02d}:00Z")
        for n, row in enumerate(_with_names(steps, learners).itertuples())
        for day in (0, 3)
    ]
    events = pd.DataFrame(answers, columns=["learner", "resource", "score", "time"])
    events.to_csv(folder / "answers.csv", index=False)
    segue("import", school, "--events", folder / "answers.csv")
    segue("learn", school, "--now", LATER)
    segue("week", school, "--week", "2026-W51", "--out", folder / "out", fine=(0, 1))
    segue("report", school, "--week", "2026-W48", "--out", folder / "report.html", "--now", LATER)
    assert (folder / "report.html").stat().st_size > 10_000
    log = pd.DataFrame({"r": [0, 1] * 300, "p": 0.5, "t": [0.1, 0.9] * 300})
    log.to_csv(evidence, index=False)
    columns = ("--reward", "r", "--propensity", "p", "--target", "t")
    segue("experiment", "gate", evidence, *columns)
    segue("evaluate", evidence, *columns, "--json")


def _with_names(steps: pd.DataFrame, learners: list[str]) -> pd.DataFrame:
    """Return decisions with the school's ids: learners were asked for in the order of their numbers."""
    numbers = sorted(set(steps["learner"]))
    return steps.assign(learner=steps["learner"].map(dict(zip(numbers, learners, strict=True))))


if __name__ == "__main__":
    term(Path(sys.argv[1]))
