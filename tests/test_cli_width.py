"""What commands print without a terminal: no line of text wider than 80 columns, whichever command it is."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer

from segue import sample
from segue.cli import main as cli
from segue.workspace.workspace import Workspace
from tests.lms.catalogues.test_case import package
from tests.lms.servers.test_pulls import Stub, stub  # noqa: F401
from tests.school import MONDAY

COLUMNS = 80
NOW = "--now 2026-11-23T08:00:00+00:00"
ADDRESSES = ("link", "calendar address", "lti invite", "lms read", "export-data", "erase")  # whole, or JSON
REFUSED = ("serve nowhere", "nonsense", "import school --events a-file", "fit nowhere", "pull k", "push ")
SILENT = ("experiment", "lms read")
DOCUMENT = b'{"n": 1, "format": "canvas", "doc": {}}\n'
ELSEWHERE = {"demo"}  # measured in test_cli.py, the others in test_cli_experiment.py
OF_EXPERIMENTS = {"sweep", "compare", "challenger", "shadow", "deploy"}
ELSEWHERE |= {f"experiment {name}" for name in OF_EXPERIMENTS}
SESSION = f"""
init school
import school --catalogue resources.csv --skills skills.csv --prerequisites prerequisites.csv
import school --events events.csv
import school --events odd.csv
fit school {NOW}
recommend school -l pupil-1 -k 5 {NOW}
recommend school -l pupil-1 -k 1 --menu 3 --mode next {NOW}
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
weekly school --week 2026-W48 --out lists --roster roster.csv -k 3
print lists --roster roster.csv
choose school --decision @menu --resource @option {NOW}
rate school --decision @step --rating 0.8 {NOW}
override school --decision @step --action remove --by rosa {NOW}
undo school --override @override --by rosa {NOW}
class reviews school --class 7b --work essay --submitted roster.csv --keep {NOW}
class given school pupil-1 pupil-2 --class 7b --by rosa --talk {NOW}
class slots school --class 7b --plan slots.csv --week 2026-W48 --roster roster.csv --lists given.csv {NOW}
class projects school --class 7b --plan plan.csv --started 2026-11-20T08:00Z --roster roster.csv {NOW}
class scores school --class 7b --work essay --rubric rubric.csv --scores scores.csv --roster roster.csv {NOW}
catalogue set school road-rates --skill unit-rates --kind game --source press --course 7b --url https://x.example/r
catalogue retire school road-rates
catalogue restore school road-rates
catalogue suggest school --framework case.json --output suggestions.csv
catalogue confirm school suggestions.csv
policy check version.json
policy diff current version.json --workspace school --dry-run --week 2026-W48 {NOW}
policy apply school version.json --by rosa {NOW}
trial declare school trial.json --now 2026-11-20T08:00:00+00:00
trial arms school reading --roster roster.csv {NOW}
trial week school reading --roster roster.csv {NOW}
trial look school reading --roster roster.csv {NOW}
trial end school reading {NOW}
report school --week 2026-W48 --out report.html --roster roster.csv --now 2026-11-30T08:00:00+00:00
export cartridge school -l pupil-1 --week 2026-W48 --out pupil-1.imscc
export calendar school -l pupil-1 --week 2026-W48 --out pupil-1.ics
export statements school -l pupil-1 --week 2026-W48 --home-page https://lms.example --out pupil-1.json
calendar revoke school --all
keys revoke school @key
lti register school --issuer https://lms.example --client-id 10 --deployment 1 \
 --auth-login-url https://lms.example/auth --auth-token-url https://lms.example/token \
 --key-set-url https://lms.example/keys
lti invite school --host lms.example
lms read --json-lines
lms link school ids.csv
pull lrs school --url @server/xapi --user k
pull oneroster school --url @server --token-url @server/token --client-id c
pull moodle school --url @server --course 3
pull kolibri school --url http://127.0.0.1:9 --user coach --class 7b
push kolibri school --url http://127.0.0.1:9 --user coach --class 7b --week 2026-W48
push canvas school --url http://127.0.0.1:9 --course 3 --week 2026-W48
trace --attempts tried.csv --item-skills skill_of.csv --folds 2
trace-interests --views views.csv --items items.csv --tags theme --test-from 2020-01-05
batch attempts.parquet --model @model --week 2026-W48 --out bulk
backup school backup
export-data school --learner pupil-2
export-data school --learner pupil-2 --out pupil-2.json
erase school --learner pupil-2 --certificate pupil-2.txt {NOW}
purge school --before 2026-11-05T00:00:00+00:00
rotate-key school
rebuild school
serve nowhere
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
    of_commands(place, learners, ids)
    return place


def of_commands(place: Path, learners: list[str], ids: list[str]) -> None:
    """Write the files that single commands read."""

    def table(name: str, rows: list[tuple[object, ...]], columns: str) -> None:
        pd.DataFrame(rows, columns=columns.split()).to_csv(place / name, index=False)

    home, there = "2026-11-22T16:00Z", "2026-11-23T08:00Z"
    table("slots.csv", [("mon", "teacher", there, 3), ("at", "home", home, 8)], "slot role begins capacity")
    table("given.csv", [(who, r) for who in learners for r in ids[:3]], "learner resource")
    table("plan.csv", [("draft", "2026-12-01T08:00Z", 30, ids[0])], "name due minutes resource")
    table("rubric.csv", [("reasons", ids[3])], "criterion resource")
    scores = [(who, "reasons", f"t{n % 2}", n % 2) for n, who in enumerate(learners)]
    table("scores.csv", scores, "learner criterion rater score")
    table("ids.csv", [("pupil-1", "p1"), ("pupil-3", "p3")], "learner other")
    tried = [(n, k, k % 8, (n + k) % 3 > 0) for n in range(12) for k in range(24)]
    table(
        "tried.csv", [(n, k, item, int(right)) for n, k, item, right in tried], "user_id seq item_id correct"
    )
    table("skill_of.csv", [(item, item % 3) for item in range(8)], "item_id skill_id")
    days = [f"2020-01-{n + 1:02d}" for n in range(8)]
    seen = [(who, (who + n) % 8, day) for who in range(6) for n, day in enumerate(days)]
    table("views.csv", seen, "user_id item_id created_at")
    table("items.csv", [(n, "2019-12-01", f"t{n % 3}") for n in range(8)], "item_id created_at theme")
    done = pd.read_csv(place / "events.csv").assign(kind="attempt", seq=range(60), completed=1.0)
    done = done.assign(event_id=[f"e{n}" for n in range(60)], score=done["score"].astype(float))
    done.assign(time=pd.to_datetime(done["time"], utc=True)).to_parquet(place / "attempts.parquet")
    (place / "case.json").write_text(json.dumps(package()), "utf-8")
    (place / "version.json").write_text(json.dumps({"policy": {"name": "Greedy", "parameters": {}}}), "utf-8")
    arms = {"as now": {}, "more variety": {"policy": {"limits": {"per_skill": 1}}}}
    trial = {"name": "reading", "metric": "reward", "arms": arms, "start": "2026-11-23T08:00:00+00:00"}
    (place / "trial.json").write_text(json.dumps(trial), "utf-8")


def named(line: str, folder: Path, server: str, said: str) -> str:
    """Return a line with what stands for ids and addresses filled in; `said` is what was printed so far."""
    if "@" not in line:
        return line
    words = {"server": server, "model": next(iter((folder / "school" / "models").iterdir()), Path())}
    with Workspace.open(folder / "school", environment={}) as space:
        lists = space.lists("pupil-1", now=MONDAY)
        overrides = [act.override_id for act in space.overrides("pupil-1")]
    steps = [step for one in lists for step in one.steps]
    chosen = next(step for step in steps if step.menu)
    words |= {"menu": chosen.decision_id, "option": chosen.menu[-1]}
    words |= {"step": next(step.decision_id for step in steps if not step.menu)}
    words |= {
        "override": next(iter(overrides), ""),
        "key": "".join(re.findall(r"^(\w+)  backend ", said, re.M)),
    }
    for name, value in words.items():
        line = line.replace(f"@{name}", str(value))
    return line


def commands() -> Iterator[str]:
    """Yield every command, with the group before it."""

    def below(command: object, words: tuple[str, ...]) -> Iterator[str]:
        inside = getattr(command, "commands", None)
        if inside is None:
            yield " ".join(words)
        else:
            for name, one in inside.items():
                yield from below(one, (*words, name))

    yield from below(typer.main.get_command(cli.app), ())


def test_every_command_is_in_the_session_or_measured_elsewhere() -> None:
    lines = SESSION.strip().splitlines()
    there = {c for c in commands() if any(f"{line} ".startswith(f"{c} ") for line in lines)}
    assert set(commands()) - there == ELSEWHERE


@pytest.mark.journey
def test_no_line_is_wider_than_the_terminal_that_is_not_there(
    folder: Path,
    stub: Stub,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    for name in ("COLUMNS", "SEGUE_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("LRS_PASSWORD", "ONEROSTER_SECRET", "MOODLE_TOKEN", "KOLIBRI_PASSWORD"):
        monkeypatch.setenv(f"SEGUE_{name}", "secret")
    wide, codes, said, refused = [], {}, "", []
    for line in SESSION.replace(" \\\n", " ").strip().splitlines():
        asked = named(line, folder, f"http://127.0.0.1:{stub.server_port}", said)
        monkeypatch.setattr(sys, "argv", ["segue", *asked.split()])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(DOCUMENT)))
        try:
            cli.main()
            codes[line] = 0
        except SystemExit as end:
            codes[line] = int(end.code or 0)
        printed = "".join(capsys.readouterr())
        said += printed
        if codes[line] == 2 and not line.startswith(REFUSED):
            refused.append((line, printed))
        assert printed.strip() or line.startswith(SILENT), line
        if not line.startswith(ADDRESSES):
            wide += [(line, one) for one in printed.splitlines() if len(one) > COLUMNS]
    assert wide == []
    assert refused == []
    assert {line.split()[0] for line, code in codes.items() if code == 1} <= {"week", "experiment"}
