from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from segue.cli.evaluate import app
from segue.cli.main import sentence
from segue.experiments.evaluation.evaluate import evaluate
from segue.experiments.evaluation.intervals.hidden_confounding import flipping_strength, told
from segue.experiments.evaluation.logs.logged_data import Log
from segue.experiments.evaluation.logs.synthetic_logs import make_world

WORLD = make_world(ess_fraction=0.4, reward_rate=0.3, rng=np.random.default_rng(1), n_actions=3)


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    if isinstance(result.exception, ValueError | OSError):  # as `main` ends it
        return 2, result.stdout, f"segue: {sentence(result.exception)}\n"
    return result.exit_code, result.stdout, result.stderr


def write(log: Log, path: Path) -> Path:
    assert log.policy is not None
    assert log.prediction is not None
    table = {"item": log.action, "click": log.reward, "p": log.propensity, "t": log.target, "ses": log.group}
    table |= {f"pi_{a}": log.policy[:, a] for a in range(3)} | {
        f"q_{a}": log.prediction[:, a] for a in range(3)
    }
    pd.DataFrame(table).assign(list=np.arange(log.n) // 4, step=np.arange(log.n) % 4).to_csv(
        path, index=False
    )
    return path


@pytest.fixture
def log() -> Log:
    return WORLD.draw(2_000, np.random.default_rng(0))


def test_json_equals_the_library(tmp_path: Path, log: Log) -> None:
    path = write(log, tmp_path / "log.csv")
    names = ("--reward", "click", "--propensity", "p", "--action", "item", "--target-prefix", "pi_")
    code, out, _ = run(str(path), *names, "--qhat-prefix", "q_", "--group", "ses", "--json")
    assert code == 0
    answer = json.loads(out)
    expected = evaluate(log).to_dict()
    for name, figures in expected["estimates"].items():
        for key in ("estimate", "se", "low", "high"):
            assert (answer["estimates"][name][key] or 0.0) == pytest.approx(figures[key] or 0.0, rel=1e-12)
    for name in (
        "n",
        "ess",
        "max_weight",
        "share_of_max",
        "mean_weight",
        "unseen_support",
        "effective_rewards",
    ):
        assert answer["diagnostics"][name] == pytest.approx(expected["diagnostics"][name], rel=1e-12)
    assert {"estimates", "diagnostics", "verdict", "reason", "groups", "rejected"} <= answer.keys()
    assert {"estimate", "se", "low", "high", "interval"} <= answer["estimates"]["SNIPS"].keys()
    assert answer["groups"]["g1"]["estimates"].keys() == expected["estimates"].keys()


def test_the_answer_tells_how_much_hidden_confounding_would_undo_it(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    log = WORLD.draw(10_000, np.random.default_rng(0))
    path, page = write(log, tmp_path / "log.csv"), tmp_path / "page.html"
    names = ("--reward", "click", "--propensity", "p", "--target", "t")
    strength = json.loads(run(str(path), *names, "--json")[1])["sensitivity"]["flipping_strength"]
    expected = flipping_strength(
        log.reward, log.propensity, target=log.target, baseline=float(log.reward.mean())
    )
    assert strength == pytest.approx(expected)
    assert 1 < strength < 3
    assert told(strength) in run(str(path), *names, "--report", str(page))[1]
    assert told(strength) in page.read_text()


def test_without_a_verdict_there_is_nothing_to_undo(tmp_path: Path, log: Log) -> None:
    path = write(log, tmp_path / "log.csv")
    answer = json.loads(
        run(str(path), "--reward", "click", "--propensity", "p", "--target", "p", "--json")[1]
    )
    assert answer["sensitivity"] == {"flipping_strength": None}


def test_target_column_bounds_clusters_and_lists(tmp_path: Path, log: Log) -> None:
    path = write(log, tmp_path / "log.csv")
    names = ("--reward", "click", "--propensity", "p", "--target", "t", "--cluster", "list")
    more = ("--slate-id", "list", "--position", "step", "--reward-range", "0,1", "--max-weight", "1000")
    code, out, _ = run(str(path), *names, *more, "--json")
    answer = json.loads(out)
    assert code == 0
    assert list(answer["estimates"]) == ["IPS", "IPS_clip10", "SNIPS", "SGIPS_0.01"]
    assert answer["diagnostics"]["effective_clusters"] == 500
    assert "caveat" not in answer["estimates"]["IPS"]
    assert set(answer["slates"]["estimates"]) == {"SIPS", "IIPS", "RIPS", "PI"}
    assert len(answer["slates"]["by_position"]) == 4


def test_for_people_it_is_sentences(tmp_path: Path, log: Log) -> None:
    path = write(log, tmp_path / "log.csv")
    code, out, _ = run(str(path), "--reward", "click", "--propensity", "p", "--target", "t")
    assert code == 0
    assert out.startswith("SNIPS: ")
    assert "95% interval" in out
    assert "Against the policy that logged" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--target", "nothing"), "no column 'nothing'"),
        ((), "give the target policy"),
        (("--target", "t", "--reward-range", "many"), "--reward-range must be LOW,HIGH"),
        (("--target", "t", "--max-weight", "1.5"), "state a true bound"),
    ],
)
def test_mistakes_end_in_one_sentence(
    tmp_path: Path, log: Log, arguments: tuple[str, ...], message: str
) -> None:
    path = write(log, tmp_path / "log.csv")
    code, _, err = run(str(path), "--reward", "click", "--propensity", "p", *arguments)
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def damaged(content: bytes) -> dict[str, bytes]:
    """Return a packed file without its last third, and with a byte changed in the middle."""
    packed = gzip.compress(content)
    middle = len(packed) // 2
    changed = packed[:middle] + bytes([packed[middle] ^ 255]) + packed[middle + 1 :]
    return {"cut.csv.gz": packed[: middle + middle // 3], "changed.csv.gz": changed}


def test_a_file_that_is_damaged_or_json_ends_in_one_sentence(tmp_path: Path, log: Log) -> None:
    files = damaged(write(log, tmp_path / "log.csv").read_bytes()) | {
        "log.jsonl": b'{"click": 1, "p": 0.5}\n'
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        code, out, err = run(str(tmp_path / name), "--reward", "click", "--propensity", "p", "--target", "t")
        assert (code, out) == (2, "")
        assert ("is JSON" if name == "log.jsonl" else "cannot be read to its end") in err


def test_what_an_answer_on_lists_is_about_is_said(tmp_path: Path, log: Log) -> None:
    path = write(log, tmp_path / "log.csv")
    names = ("--reward", "click", "--propensity", "p", "--target", "t")
    assert "A step at a time" not in run(str(path), *names)[1]
    out = " ".join(run(str(path), *names, "--slate-id", "list", "--position", "step")[1].split())
    assert "the target policy chooses one at each logged state, the logging policy the others" in out
    assert (
        "right only where a step's reward depends on that step alone, and so does what is drawn"
        in out.partition("IIPS")[2]
    )
    assert "right only" not in out.partition("SIPS")[2].partition("IIPS")[0]


def test_the_table_by_position_fits_a_terminal(tmp_path: Path, log: Log) -> None:
    path = write(log, tmp_path / "log.csv")
    names = ("--reward", "click", "--propensity", "p", "--target", "t")
    code, out, _ = run(str(path), *names, "--slate-id", "list", "--position", "step")
    head = next(line for line in out.splitlines() if "lists" in line and "position" in line)
    assert code == 0
    assert "interaction" in head
    assert len(head) <= 80
