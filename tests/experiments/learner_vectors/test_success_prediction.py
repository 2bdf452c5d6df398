"""Tracing: folds and measures as contracted, every prediction from the past, and the floors on real data."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from typer.testing import CliRunner

from segue.cli.trace import app
from segue.experiments.learner_vectors.success_prediction import (
    ModelName,
    TraceError,
    Trial,
    calibration_error,
    masks,
    read_trial,
    reliability,
    scored,
    trace,
)


@pytest.fixture(name="files", scope="module")
def class_of_forty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    n = 1600
    learner, item = np.repeat(np.arange(40), 40), rng.integers(0, 25, n)
    ability, easiness = rng.normal(size=40), rng.normal(0.5, 1.0, 25)
    correct = rng.random(n) < 1 / (1 + np.exp(-(ability[learner] + easiness[item])))
    folder = tmp_path_factory.mktemp("trace")
    frame = pd.DataFrame({"user_id": learner, "seq": np.tile(np.arange(40), 40), "item_id": item})
    frame = frame.assign(
        correct=correct.astype(int), t=np.arange(n) * 60, part=np.where(learner < 8, "x", "y")
    )
    frame.to_csv(folder / "a.csv.gz", index=False)
    pd.DataFrame({"item_id": np.arange(25), "skill_id": np.arange(25) % 5}).to_csv(
        folder / "q.csv", index=False
    )
    return folder / "a.csv.gz", folder / "q.csv"


def test_folds_are_those_of_the_contract(files: tuple[Path, Path]) -> None:
    trial = read_trial(*files)
    fold = np.empty(40, dtype=np.int64)
    fold[np.random.default_rng(3).permutation(40)] = np.arange(40) % 4
    for number, (train, test) in enumerate(masks(trial, folds=4, seed=3)):
        np.testing.assert_array_equal(test, fold[trial.attempts.learner] == number)
        assert len(train) + test.sum() == 1600


def test_measures_are_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(0.05, 0.95, 500)
    y = (rng.random(500) < p).astype(float)
    found = scored(y, p, n_train=7)
    assert found.auc == pytest.approx(roc_auc_score(y, p))
    assert found.log_loss == pytest.approx(log_loss(y, p))
    assert found.brier == pytest.approx(brier_score_loss(y, p))
    assert (found.n_train, found.n_test) == (7, 500)


def test_calibration_is_measured_in_bins_of_equal_mass() -> None:
    p, y = np.repeat([0.2, 0.8], 50), np.repeat([0.0, 1.0], 50)
    assert calibration_error(y, p, bins=2) == pytest.approx(0.2)
    assert reliability(y, p, bins=4)["n"].tolist() == [25, 25, 25, 25]


@pytest.mark.parametrize("model", ["logistic", "boosting"])
def test_the_command_prints_what_the_contract_asks(files: tuple[Path, Path], model: str) -> None:
    a, q = map(str, files)
    arguments = ["trace", "--attempts", a, "--item-skills", q, "--split", "part", "--test-value", "x"]
    result = CliRunner().invoke(app, [*arguments, "--model", model, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert {"auc", "log_loss", "ece", "brier", "n_train", "n_test", "folds", "mean", "seconds"} <= set(found)
    assert (found["n_train"], found["n_test"], len(found["folds"])) == (1280, 320, 1)
    assert found["auc"] > 0.6


def test_boosting_is_refused_with_few_learners(files: tuple[Path, Path], tmp_path: Path) -> None:
    frame = pd.read_csv(files[0])
    frame[frame["user_id"] < 11].to_csv(tmp_path / "few.csv", index=False)
    arguments = ["trace", "--attempts", str(tmp_path / "few.csv"), "--item-skills", str(files[1]), "--json"]
    result = CliRunner().invoke(app, [*arguments, "--model", "boosting"])
    assert result.exit_code == 2
    assert "boosting needs 10 learners to train on, found 8" in result.output
    assert CliRunner().invoke(app, [*arguments, "--model", "logistic"]).exit_code == 0


def test_answers_on_test_rows_do_not_change_the_training(files: tuple[Path, Path], tmp_path: Path) -> None:
    frame = pd.read_csv(files[0])
    last = frame["part"].eq("x") & frame["seq"].eq(39)
    frame.loc[last, "correct"] = 1 - frame.loc[last, "correct"]
    frame.to_csv(tmp_path / "b.csv", index=False)
    first, second = (
        trace(read_trial(path, files[1], split="part"), test_value="x")[0].probability
        for path in (files[0], tmp_path / "b.csv")
    )
    np.testing.assert_array_equal(first, second)


def test_without_items_skills_serve_as_both(files: tuple[Path, Path], tmp_path: Path) -> None:
    frame = pd.read_csv(files[0]).rename(columns={"item_id": "skill_id"}).drop(columns="t")
    frame.to_csv(tmp_path / "s.csv", index=False)
    trial = read_trial(tmp_path / "s.csv", None)
    assert len(trial.catalogue.skills) == 25
    assert trace(trial, folds=2)[0].score.auc > 0.6


def test_skills_may_stand_beside_the_attempts(files: tuple[Path, Path], tmp_path: Path) -> None:
    frame = pd.read_csv(files[0])
    frame["skill_id"] = (frame["item_id"] % 5).where(frame["item_id"] != 7)
    frame["user_id"] = "u" + frame["user_id"].astype(str)
    frame.sample(frac=1.0, random_state=0).to_csv(tmp_path / "b.csv", index=False)
    trial = read_trial(tmp_path / "b.csv", None)
    assert len(trial.catalogue.skills) == 6  # item 7 is its own
    assert (trial.attempts.score == read_trial(*files).attempts.score).mean() < 1.0  # u10 comes before u2
    assert trace(trial, folds=2)[0].score.auc > 0.6


def test_what_cannot_be_read_is_said(files: tuple[Path, Path], tmp_path: Path) -> None:
    frame = pd.read_csv(files[0])
    frame.assign(correct=87).to_csv(tmp_path / "percent.csv", index=False)
    with pytest.raises(TraceError, match=r"'correct' is outside \[0, 1\] \(percent"):
        read_trial(tmp_path / "percent.csv", None)
    frame.drop(columns="user_id").to_csv(tmp_path / "no_user.csv", index=False)
    with pytest.raises(TraceError, match="must have a column 'user_id'"):
        read_trial(tmp_path / "no_user.csv", None)
    result = CliRunner().invoke(
        app, ["trace", "--attempts", str(files[0]), "--split", "part", "--test-value", "z"]
    )
    assert result.exit_code == 2
    with gzip.open(tmp_path / "empty.csv.gz", "wt") as file:
        file.write("")
    assert CliRunner().invoke(app, ["trace", "--attempts", str(tmp_path / "empty.csv.gz")]).exit_code == 2


def real_trial(folder: Path) -> Trial:
    return read_trial(folder / "interactions.csv.gz", folder / "item_skills.csv.gz")


def test_a_fold_of_real_data_comes_near_the_floor(shared_data: Callable[[str], Path]) -> None:
    trial = real_trial(shared_data("statics2011"))
    some = trial.attempts.take(trial.attempts.learner % 3 == 0)  # all of them: the slow test below
    split = np.where(some.learner % 5 == 0, "test", "rest")
    score = trace(replace(trial, attempts=some, split=split), test_value="test")[0].score
    assert score.auc > 0.81
    assert score.ece < 0.03


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "model", "floor"),
    [
        ("statics2011", "logistic", (0.826, 0.413, 0.020)),
        ("algebra2005-sample", "logistic", (0.830, 0.412, 0.020)),
        ("algebra2005-sample", "boosting", (0.839, 0.402, 0.015)),
    ],
)
def test_the_floors_hold_on_real_data(
    name: str,
    model: ModelName,
    floor: tuple[float, float, float],
    shared_data: Callable[[str], Path],
) -> None:
    scores = [t.score for t in trace(real_trial(shared_data(name)), model=model)]
    auc, loss, ece = floor
    assert np.mean([s.auc for s in scores]) >= auc
    assert np.mean([s.log_loss for s in scores]) <= loss
    assert np.mean([s.ece for s in scores]) <= ece


def layouts() -> dict[str, pd.DataFrame]:
    """Return one log of random labels in the layouts that exports come in."""
    rng = np.random.default_rng(5)
    n = 1500
    item = rng.integers(0, 20, n)
    base = pd.DataFrame({"user_id": np.repeat(np.arange(30), 50), "seq": np.tile(np.arange(50), 30)})
    base = base.assign(item_id=item, correct=rng.integers(0, 2, n), skill_id=item % 6, t=np.arange(n) * 30)
    per_skill = base.loc[base.index.repeat(2)].reset_index(drop=True)
    per_skill["skill_id"] += 6 * (np.arange(2 * n) % 2)
    counted = per_skill.assign(seq=np.tile(np.arange(100), 30))
    doubled = pd.concat([base, base])
    renumbered = doubled.assign(seq=np.concatenate([base["seq"], base["seq"] + 50]))
    return {
        "plain": base,
        "no time": base.drop(columns="t"),
        "a row a skill": per_skill,
        "a row a skill, no time": per_skill.drop(columns="t"),
        "a row a skill, counted": counted,
        "a row a skill, counted, no time": counted.drop(columns="t"),
        "a row a skill, no item": counted.drop(columns="item_id"),
        "a row a skill, no item, no time": counted.drop(columns=["item_id", "t"]),
        "the file twice": doubled,
        "the file twice, counted, no time": renumbered.drop(columns="t"),
    }


@pytest.mark.parametrize("name", list(layouts()))
def test_random_labels_cannot_be_predicted_in_any_layout(name: str, tmp_path: Path) -> None:
    layouts()[name].to_csv(tmp_path / "a.csv", index=False)
    try:
        trial = read_trial(tmp_path / "a.csv", None)
    except TraceError as refused:
        assert "several times" in str(refused)  # noqa: PT017
        assert name not in ("plain", "no time", "a row a skill")
        return
    assert 1400 < len(trial.attempts) <= 1500  # a second try with the same outcome may look like a repeat
    auc = np.mean([t.score.auc for t in trace(trial, folds=2)])
    assert 0.45 < auc < 0.55


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("user_id,item_id,correct\n", "no rows"),
        ("user_id,item_id,correct\n1,2,yes\n", "'correct'"),
        ("user_id,item_id,correct,t\n1,2,1,noon\n", "'t'"),
        ("user_id,item_id,correct\n1,,1\n", "'item_id'"),
        ("user_id,item_id\n1,2\n", "'correct'"),
        ("user_id,item_id,correct\n1,2,\n", "'correct' is not a number (line 2)"),
        ("user_id;item_id;correct\n1;2;yes\n", "'correct' is not a number (line 2)"),
        ("user_id,item_id,correct\n1,2,1\n1,2,1,1\n", "1 × too many fields in the line"),
        ("user_id,correct\n1,1\n", "must have a column 'item_id'"),
        ("user_id,item_id,correct\n1,2,1\n1,3,0\n", "two learners"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_json_too(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    result = CliRunner().invoke(app, ["trace", "--attempts", str(tmp_path / "a.csv"), "--json"])
    assert result.exit_code == 2
    assert said in json.loads(result.stdout)["error"]


def test_a_few_rows_that_cannot_be_read_are_left_out_and_counted(files: tuple[Path, Path]) -> None:
    whole = pd.read_csv(files[0])
    bad = whole.iloc[[3, 50, 90, 91, 92]].astype(object)
    for n, (column, cell) in enumerate(
        [("correct", "yes"), ("correct", None), ("correct", 100), ("item_id", None), ("t", "noon")]
    ):
        bad.iloc[n, bad.columns.get_loc(column)] = cell
    pd.concat([whole.astype(object), bad]).to_csv(files[0], index=False)
    found = CliRunner().invoke(app, ["trace", "--attempts", str(files[0]), "--folds", "2", "--json"])
    rejected = json.loads(found.stdout)["rejected"]
    assert rejected["n"] == 5
    assert rejected["reasons"]["'correct' is not a number"] == 2
    assert rejected["lines"] == [len(whole) + 2 + n for n in range(5)]
    read = read_trial(*files)
    whole.to_csv(files[0], index=False)
    np.testing.assert_array_equal(read.attempts.score, read_trial(*files).attempts.score)


def test_skills_of_other_items_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user_id,item_id,correct\n1,i1,1\n2,i2,0\n")
    (tmp_path / "q.csv").write_text("item_id,skill_id\nI1,a\nI2,b\n")
    with pytest.raises(TraceError, match=r"names none of the items of .* such as i1"):
        read_trial(tmp_path / "a.csv", tmp_path / "q.csv")


def test_a_fold_of_one_class_and_fewer_learners_than_folds_are_valid_json(tmp_path: Path) -> None:
    rows = [f"{u},{i},{int(u > 0 or i % 2)}" for u in range(3) for i in range(12)]
    (tmp_path / "a.csv").write_text("user_id,item_id,correct\n" + "\n".join(rows))
    result = CliRunner().invoke(app, ["trace", "--attempts", str(tmp_path / "a.csv"), "--json"])
    assert result.exit_code == 0

    def refuse(name: str) -> float:
        raise AssertionError(name)

    found = json.loads(result.stdout, parse_constant=refuse)
    assert len(found["folds"]) == 3
    assert None in [fold["auc"] for fold in found["folds"]]


def test_skills_that_few_have_met_are_not_believed_too_much(tmp_path: Path) -> None:
    """Each of 2,000 tasks is a skill of its own that three of 60 learners meet: easiness says little of it.

    Rows read with an easiness of skills that their own answer is in know that answer: log loss .705
    and calibration error .144 on learners held out.
    """
    rng = np.random.default_rng(4)
    learner, skill = np.repeat(np.arange(60), 100), rng.permutation(np.arange(6000) % 2000)
    chance = 1 / (1 + np.exp(-rng.normal(0.8, 1.0, 60)[learner] - rng.normal(0.0, 1.0, 2000)[skill]))
    attempts = {"user_id": learner, "seq": np.tile(np.arange(100), 60), "skill_id": skill}
    path = tmp_path / "attempts.csv"
    pd.DataFrame({**attempts, "correct": (rng.random(6000) < chance).astype(int)}).to_csv(path, index=False)
    result = CliRunner().invoke(app, ["trace", "--attempts", str(path), "--json"])
    found = json.loads(result.stdout)
    assert found["log_loss"] < 0.60
    assert found["ece"] < 0.06
