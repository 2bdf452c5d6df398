"""What a log cannot say is not said: of lost rows, actions not offered, rounding, single clusters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from segue.experiments.evaluation.estimators.balanced_weights import balanced_weights
from segue.experiments.evaluation.estimators.reward_predictions import fit_qhat
from segue.experiments.evaluation.estimators.single_step import Rounds, rounds_of
from segue.experiments.evaluation.evaluate import evaluate
from segue.experiments.evaluation.logs.columns import Columns
from segue.experiments.evaluation.logs.logged_data import Log, log_of_frame, read_csv_log
from segue.experiments.evaluation.logs.synthetic_logs import make_world
from segue.experiments.evaluation.reports.slate_report import evaluate_lists
from segue.experiments.evaluation.verdicts.diagnostics import diagnose
from segue.experiments.evaluation.verdicts.policy_comparison import compare, logging_policy
from segue.experiments.evaluation.verdicts.promotion_gate import gate_log

TABLES = Columns("r", "p", action="a", target_prefix="pi_", qhat_prefix="q_")


def choices(n: int = 4_000, seed: int = 0) -> pd.DataFrame:
    """A uniform log over x, y and z, which the target no longer has; z is the best."""
    rng = np.random.default_rng(seed)
    action = rng.integers(3, size=n)
    reward = (rng.random(n) < np.array([0.30, 0.36, 0.60])[action]).astype(float)
    table = pd.DataFrame({"r": reward, "p": 1 / 3, "a": np.array(["x", "y", "z"])[action]})
    return table.assign(pi_x=0.4, pi_y=0.6, q_x=0.3, q_y=0.35)


def test_a_retired_action_weighs_nothing_and_is_not_dropped() -> None:
    log = log_of_frame(choices(), TABLES)
    assert log.n == 4_000
    answer = evaluate(log)
    truth = 0.4 * 0.30 + 0.6 * 0.36
    for name in ("IPS", "SNIPS", "DR", "SNDR"):
        assert answer.estimates[name].low <= truth <= answer.estimates[name].high
    assert answer.versus_logging is not None
    assert answer.versus_logging.verdict == "do not ship"  # .336 against .42
    assert "the target no longer has" in str(answer)


def test_what_was_not_offered_has_no_probability_and_needs_no_prediction() -> None:
    table = choices().assign(pi_z=0.0, q_z=np.nan)
    whole = evaluate(log_of_frame(table, TABLES)).headline.value
    table.loc[::2, "pi_z"] = np.nan
    log = log_of_frame(table, TABLES)
    assert log.n == 4_000
    assert evaluate(log).headline.value == pytest.approx(whole, rel=1e-12)
    assert (
        log_of_frame(table.assign(pi_z=np.nan, pi_y=0.5), TABLES.__class__("r", "p", target="p")).n == 4_000
    )
    table.loc[5, ["pi_x", "pi_z"]] = np.nan
    assert log_of_frame(table, TABLES).rejected.reasons == {"target probability is not a number": 1}
    table.loc[6, "q_x"] = np.nan  # here the target has mass
    assert log_of_frame(table, TABLES).rejected.reasons["predicted reward is not a number"] == 1


def test_an_action_the_target_never_had_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="a is 'k', but the target has the actions x, y"):
        log_of_frame(choices().assign(a="k"), TABLES)


def unsupported(n: int = 2_000) -> Log:
    """A log that never shows the third action, to which the target gives a third."""
    rng = np.random.default_rng(0)
    action = rng.integers(2, size=n)
    policy = np.full((n, 3), 1 / 3)
    reward = (rng.random(n) < np.array([0.1, 0.9])[action]).astype(float)
    group = np.array(["a", "b"], dtype=object)[rng.integers(2, size=n)]
    return Log(reward, np.full(n, 0.5), np.full(n, 1 / 3), action=action, policy=policy, group=group)


def test_unseen_support_reaches_comparison_groups_and_gate() -> None:
    log = unsupported()
    answer = evaluate(log)
    rounds = log.rounds()
    reasons = [answer.reason, *(group.reason for group in answer.groups.values())]
    assert answer.versus_logging is not None
    reasons += [answer.versus_logging.reason, compare(rounds, logging_policy(rounds)).reason]
    passage = gate_log(log)
    assert passage.decision == "hold"
    reasons += [passage.overall.reason, *(group.reason for group in passage.groups.values())]
    assert len(reasons) == 8
    assert all("actions that the log does not show" in reason for reason in reasons)


def uniform(n: int, k: int, *, wanted: int, offered: int, seed: int) -> Log:
    """A uniform log over the first `offered` of k actions; the target spreads over the last `wanted`."""
    rng = np.random.default_rng(seed)
    action = rng.integers(offered, size=n)
    policy = (np.arange(k) >= k - wanted) / wanted
    reward = (rng.random(n) < 0.3).astype(float)
    whole = np.broadcast_to(policy, (n, k))
    return Log(reward, np.full(n, 1 / offered), policy[action], action=action, policy=whole)


@pytest.mark.parametrize(
    ("n", "k", "wanted", "unseen"),
    [(2_000, 1_000, 500, np.exp(-2)), (500, 200, 100, np.exp(-2.5)), (3_000, 1_000, 50, np.exp(-3))],
)
def test_actions_unseen_by_chance_are_no_refusal(n: int, k: int, wanted: int, unseen: float) -> None:
    refused, covered = 0, 0
    for seed in range(15):
        answer = evaluate(uniform(n, k, wanted=wanted, offered=k, seed=seed))
        assert answer.diagnostics.unseen_support == pytest.approx(unseen, abs=0.2)
        refused += answer.verdict != "enough evidence"
        covered += answer.headline.low < 0.3 < answer.headline.high
    assert refused <= 1
    assert covered >= 12


@pytest.mark.parametrize("offered", [100, 160, 180])
def test_actions_never_offered_are_a_refusal_however_many_there_are(offered: int) -> None:
    for seed in range(5):
        answer = evaluate(uniform(2_000, 200, wanted=150, offered=offered, seed=seed))
        assert "actions that the log does not show, more than chance explains" in answer.reason


@pytest.mark.parametrize("seed", range(40))
def test_not_enough_evidence_never_stands_beside_ship(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.choice([40, 300, 2_000]))
    p = rng.choice([0.02, 0.2, 0.5], n)
    log = Log(
        (rng.random(n) < rng.choice([0.05, 0.5])).astype(float),
        p,
        np.minimum(1.0, p * rng.choice([0.0, 0.5, 4.0], n)),
        cluster=rng.integers(1 + n // 20, size=n) if rng.random() < 0.5 else None,
    )
    answer = evaluate(log)
    assert answer.versus_logging is not None
    if answer.verdict == "not enough evidence":
        assert answer.versus_logging.verdict == "not enough evidence"
        assert answer.versus_logging.reason == answer.reason
        assert gate_log(log).decision == "hold"


def lossy(n: int, rate: float, *, by: str, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    action = rng.integers(2, size=n)
    reward = (rng.random(n) < 0.3 + 0.2 * action * (by != "reward")).astype(float)
    chance = {
        "chance": np.full(n, rate),
        "action": 2 * rate * action,
        "reward": rate * reward / reward.mean(),
    }[by]
    table = pd.DataFrame({"r": reward, "p": 0.5, "a": action}).assign(pi_0=0.2, pi_1=0.8)
    table.loc[rng.random(n) < chance, "r"] = np.nan
    return table


@pytest.mark.parametrize(
    ("rate", "by", "said"),
    [
        (0.0005, "chance", ""),
        (0.01, "chance", "Caution"),
        (0.05, "chance", "Caution"),
        (0.30, "chance", "refused"),
        (0.05, "action", "refused"),
        (0.015, "action", "Caution"),
        (0.05, "reward", "Caution"),
        (0.25, "reward", "refused"),
    ],
)
def test_lost_rewards_caution_or_refuse(rate: float, by: str, said: str) -> None:
    columns = Columns("r", "p", action="a", target_prefix="pi_")
    log = log_of_frame(lossy(6_000, rate, by=by), columns)
    answer = evaluate(log)
    passage = gate_log(log)
    if said == "refused":
        assert "lack a reward" in answer.reason
        assert answer.versus_logging is not None
        assert answer.versus_logging.verdict == "not enough evidence"
        assert passage.decision == "hold"
    else:
        assert answer.verdict == "enough evidence"
        assert ("Caution" in str(answer)) == ("Caution" in str(passage)) == (said == "Caution")
    assert ("depends on the action" in f"{answer}") == (by == "action")


def test_rounding_decides_nothing() -> None:
    rng = np.random.default_rng(0)
    n = 3_000
    p = rng.dirichlet(np.ones(3), n)[:, 0]
    reward = rng.random(n) * 100
    same = evaluate(Log(reward, p, p * (1 + 1e-15))).versus_logging
    assert same is not None
    assert same.difference == 0
    assert same.verdict == "not enough evidence"
    weight = 1 + 1e-14 * rng.normal(size=n)
    found = compare(Rounds(weight, reward), Rounds(np.ones(n), reward))
    assert (found.difference, found.verdict) == (0.0, "not enough evidence")


@pytest.mark.parametrize("digits", [2, 3, 4])
def test_rounded_and_single_precision_probabilities_are_not_wrong(digits: int) -> None:
    rng = np.random.default_rng(0)
    n = 20_000
    action = rng.integers(3, size=n)
    reward = (rng.random(n) < 0.4).astype(float)
    for p in (np.full(n, round(1 / 3, digits)), np.full(n, 1 / 3, dtype=np.float32).astype(float)):
        answer = evaluate(Log(reward, p, np.array([0.2, 0.3, 0.5])[action]))
        assert answer.verdict == "enough evidence", answer.reason
    one = np.nextafter(np.float32(1), np.float32(2)).astype(float)
    assert rounds_of(reward, np.full(n, one), target=np.full(n, one)).weight.max() == 1.0
    wrong = evaluate(Log(reward, np.full(n, 0.2), np.array([0.2, 0.3, 0.5])[action]))
    assert "propensities are wrong" in wrong.reason


def test_a_single_cluster_says_so() -> None:
    log = log_of_frame(choices().assign(c="k"), replace(TABLES, cluster="c"))
    assert "all rounds are in a single cluster" in evaluate(log).reason


def test_a_refusal_does_not_hang_on_which_rounds_were_rewarded() -> None:
    rng = np.random.default_rng(0)
    weight = np.repeat([25.0, 1.19, 0.0], [20, 420, 560])
    refused = []
    for _ in range(50):
        reward = np.zeros(1_000)
        reward[rng.choice(1_000, 60, replace=False)] = 1.0
        refused.append(diagnose(Rounds(weight, reward)).expected_rewards)
    assert np.ptp(refused) < 1e-9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("r;p;t\n0,5;0,5;0,5\n1;0,5;0,5\n", r"r is not a number \(a decimal comma\? write a point"),
        ("r,p,t,r\n1,0.5,0.5,0\n", "names a column twice: 'r'"),
        ("r,p,t\n", "a header and no row"),
        ("r,p,t\n1,50,0.5\n0,50,0.5\n", r"p outside \(0, 1\] \(percent\? divide by 100; 1 / p"),
        ("r,p,t\n1,-0.7,0.5\n0,-1.2,0.5\n", r"p outside \(0, 1\] \(a logarithm\? take exp\)"),
        ("r,p,t\n1,0.5,-0.7\n", r"target probability outside \[0, 1\] \(a logarithm"),
        ("r,p,t\n1,30%,0.5\n", r"p is not a number \(a percent sign\? write 0.3 for 30 %\)"),
        ("r,p,t\nyes,0.5,0.5\n", r"r is not a number \(yes or no\? write 1 and 0\); line 2 has r yes, p 0.5"),
        ("r,p,t\nfour,0.5,0.5\n", "1 row rejected: 1 × r is not a number; line 2 has r four, p 0.5, t 0.5"),
        ('r,p,t\n"1,000",0.5,0.5\n', r"r is not a number \(thousands apart\? write 1000\)"),
        ("R,p,t\n1,0.5,0.5\n", r"no column 'r' \(it is written 'R'\); it has R, p, t"),
        ("1:-1:0.3 | x:0.5\n2:0:0.7 | x:0.1\n", "looks like text for Vowpal Wabbit"),
        ('r,p,t\n"0,5",0.5,0.5\n', r"r is not a number \(a decimal comma\? write a point"),
        ("r,p,t\n1e300,1e-300,1\n0,0.5,0.5\n", "too large to calculate with"),
        ("r,p,t\n1e200,0.5,1\n0,0.5,0.5\n", "too large to calculate with"),
    ],
)
def test_what_cannot_be_calculated_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        evaluate(read_csv_log(tmp_path / "log.csv", Columns("r", "p", target="t")))


def test_a_missing_column_of_parquet_is_said_among_all_that_are_there(tmp_path: Path) -> None:
    choices().to_parquet(tmp_path / "log.parquet")
    with pytest.raises(ValueError, match="no column 'nothing'; it has r, p, a, pi_x, pi_y, q_x, q_y"):
        read_csv_log(tmp_path / "log.parquet", Columns("nothing", "p", target="t"))


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_is_read_as_spreadsheets_write_it(tmp_path: Path, mark: str, encoding: str) -> None:
    table = choices().assign(g="é")
    table.to_csv(tmp_path / "plain.csv", index=False)
    table.to_csv(tmp_path / "other.csv", index=False, sep=mark, encoding=encoding)
    columns = replace(TABLES, group="g")
    one, other = (read_csv_log(tmp_path / f"{name}.csv", columns) for name in ("plain", "other"))
    assert evaluate(one).to_dict() == evaluate(other).to_dict()


def test_a_target_given_twice_is_the_same_or_refused() -> None:
    table = choices()
    chance = table["a"].map({"x": 0.4, "y": 0.6, "z": 0.0}).to_numpy()
    assert log_of_frame(table.assign(t=chance), replace(TABLES, target="t")).n == len(table)
    with pytest.raises(ValueError, match=r"t and pi_<a> are not the same probability in 1 rows"):
        log_of_frame(table.assign(t=np.append(chance[:-1], 0.123)), replace(TABLES, target="t"))


def test_a_prefix_inside_a_prefix_catches_its_own_columns_only() -> None:
    table = choices().rename(columns={"q_x": "pi_q_x", "q_y": "pi_q_y"})
    log = log_of_frame(table, replace(TABLES, qhat_prefix="pi_q_"))
    assert log.actions == ("x", "y")
    other = table.rename(columns={"pi_x": "pi_q_t_x", "pi_y": "pi_q_t_y"})
    assert log_of_frame(other, replace(TABLES, target_prefix="pi_q_t_", qhat_prefix="pi_q_")).actions == (
        "x",
        "y",
    )
    with pytest.raises(ValueError, match="read as the actions"):
        log_of_frame(choices().assign(pi_ce=7.0), Columns("r", "p", action="a", target_prefix="pi_"))


@pytest.mark.parametrize("names", [("True", "False"), ("true", "false"), ("1", "0")])
@pytest.mark.parametrize("kind", [bool, int, str])
def test_actions_may_be_yes_and_no(names: tuple[str, str], kind: type) -> None:
    yes = np.array([True, False, True])
    table = pd.DataFrame({"r": [1, 0, 1], "p": 0.5, "a": yes.astype(kind)})
    table = table.assign(**{f"pi_{names[0]}": 0.9, f"pi_{names[1]}": 0.1})
    log = log_of_frame(table, Columns("r", "p", action="a", target_prefix="pi_"))
    assert log.target.tolist() == [0.9, 0.1, 0.9]


@pytest.mark.parametrize("clustered", [False, True])
def test_the_order_of_arrival_changes_no_fit(clustered: bool) -> None:
    rng = np.random.default_rng(0)
    n = 300
    contexts, action = rng.normal(size=(n, 2)), rng.integers(2, size=n)
    reward, policy = rng.random(n), rng.dirichlet(np.ones(2), n)
    cluster = rng.integers(40, size=n) if clustered else None

    def fitted(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        own = None if cluster is None else cluster[rows]
        about = {"action": action[rows], "cluster": own}
        rng = np.random.default_rng(1)
        weight = balanced_weights(LogisticRegression(), contexts[rows], **about, policy=policy[rows], rng=rng)
        rng = np.random.default_rng(1)
        more = {"reward": reward[rows], "n_actions": 2}
        return weight, fit_qhat(Ridge(), contexts[rows], **about, **more, rng=rng)

    turn = rng.permutation(n)
    for one, turned in zip(fitted(np.arange(n)), fitted(turn), strict=True):
        assert turned == pytest.approx(one[turn], abs=1e-9)


def lists(n: int, *, interplay: float, seed: int = 0) -> pd.DataFrame:
    """Lists of three steps; with `interplay` a step pays only after the first action came before."""
    rng = np.random.default_rng(seed)
    action = rng.integers(2, size=(n, 3))
    before = np.hstack([np.ones((n, 1)), np.maximum.accumulate(action, axis=1)[:, :-1]])
    chance = (0.2 + 0.3 * action) * (1 - interplay + interplay * before)
    reward = (rng.random((n, 3)) < chance).astype(float)
    target = np.where(action == 1, 0.8, 0.2)
    table = {"s": np.repeat(np.arange(n), 3), "k": np.tile([1, 2, 3], n), "r": reward.ravel(), "p": 0.5}
    return pd.DataFrame(table | {"t": target.ravel()})


LISTS = Columns("r", "p", target="t", slate="s", position="k")


def test_a_list_that_lacks_a_position_is_set_aside() -> None:
    table = lists(300, interplay=0.0)
    cut = table[~((table["s"] == 5) & (table["k"] == 2)) & ~((table["s"] == 9) & (table["k"] == 1))]
    log = log_of_frame(cut, LISTS)
    assert log.rejected.reasons == {"a k of its list is missing": 4}
    built = Log(
        cut["r"].to_numpy(),
        cut["p"].to_numpy(),
        cut["t"].to_numpy(),
        slate=cut["s"].to_numpy(),
        position=cut["k"].to_numpy(),
    )
    found = evaluate_lists(built)
    assert found.set_aside == 2
    assert "2 lists lack a position" in str(found)


def test_an_estimator_whose_assumption_the_log_contradicts_is_marked() -> None:
    apart = evaluate_lists(log_of_frame(lists(8_000, interplay=0.9), LISTS))
    assert apart.estimates["IIPS"].contradicted
    assert str(apart.estimates["IIPS"]).startswith("IIPS: not to be used here")
    assert not apart.estimates["RIPS"].contradicted
    alone = evaluate_lists(log_of_frame(lists(8_000, interplay=0.0), LISTS))
    assert not any(e.contradicted for e in alone.estimates.values())


@pytest.mark.parametrize("seed", range(20))
def test_a_list_estimate_lies_in_its_interval(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 400
    p = rng.choice([0.1, 0.5, 0.9], n)
    log = Log(
        rng.normal(size=n) * rng.choice([1, 100]),
        p,
        np.minimum(1, p * rng.choice([0.2, 1, 1.8], n)),
        slate=np.arange(n) // 4,
        position=np.arange(n) % 4,
    )
    for estimate in evaluate_lists(log).estimates.values():
        assert np.isnan(estimate.low) or estimate.low <= estimate.value <= estimate.high


def test_make_world_still_answers() -> None:
    world = make_world(ess_fraction=0.5, reward_rate=0.3, rng=np.random.default_rng(1))
    assert evaluate(world.draw(1_000, np.random.default_rng(0))).verdict == "enough evidence"


def offered(n: int, share: float, seed: int, *, table: bool) -> tuple[pd.DataFrame, float]:
    """A log over x and y of a target that now and then takes z, which was never offered and earns nothing."""
    rng = np.random.default_rng(seed)
    action = (rng.random(n) < 4 / 7).astype(int)
    wanted = {"x": 1 / 7 * (1 - share), "y": 6 / 7 * (1 - share), "z": share}
    worth = np.array([0.5, 0.8])
    log = pd.DataFrame({"r": (rng.random(n) < worth[action]).astype(float), "p": (3 + action) / 7})
    log["a"] = np.array(["x", "y"])[action]
    log["t"] = log["a"].map(wanted)
    tables = {f"pi_{name}": chance for name, chance in wanted.items()} if table else {}
    return log.assign(**tables), (1 - share) * float(worth @ [1 / 7, 6 / 7])


@pytest.mark.parametrize(("n", "share"), [(1_000, 0.04), (5_000, 0.03), (10_000, 0.02)])
def test_what_the_log_does_not_show_is_in_the_interval(n: int, share: float) -> None:
    columns = Columns("r", "p", action="a", target_prefix="pi_")
    held = []
    for seed in range(20):
        table, truth = offered(n, share, seed, table=True)
        answer = evaluate(log_of_frame(table, columns))
        gain = answer.versus_logging
        assert gain is not None
        if answer.verdict == "not enough evidence":
            continue
        known = answer.headline
        held += [known.low <= truth <= known.high, gain.low <= truth - 4.7 / 7 <= gain.high]
        assert "of its choices are not in the log" in str(answer)
    assert len(held) >= 20
    assert np.mean(held) >= 0.95  # without, .5 and .4 of the last two


def test_without_a_table_what_weights_lack_is_in_the_interval() -> None:
    held = []
    for seed in range(60):
        log, truth = offered(10_000, 0.0213, seed, table=False)
        answer = evaluate(log_of_frame(log, Columns("r", "p", target="t")))
        if answer.verdict == "enough evidence" and answer.diagnostics.weight_deviation < -2:
            held.append(answer.headline.low <= truth <= answer.headline.high)
            assert "of its choices are not in the log" in str(answer)
    assert len(held) > 20
    assert np.mean(held) > 0.95  # .3 without


def uneven(n: int, seed: int) -> Log:
    """A log of uneven, true propensities: it holds too few of the heavy rounds more often than not."""
    rng = np.random.default_rng(seed)
    logging, target = np.exp(rng.normal(0.0, 2.2, (2, n, 10)))
    logging /= logging.sum(axis=1, keepdims=True)
    target /= target.sum(axis=1, keepdims=True)
    action = (rng.random((n, 1)) > logging.cumsum(axis=1)).sum(axis=1).clip(0, 9)
    own = np.arange(n), action
    reward = (rng.random(n) < 0.3).astype(float)
    return Log(reward=reward, propensity=logging[own], target=target[own])


def test_heavy_rounds_that_chance_left_out_are_no_choices_never_offered() -> None:
    answers = [evaluate(uneven(1_000, seed)) for seed in range(100)]
    told = ["of its choices are not in the log" in str(a) for a in answers if a.verdict == "enough evidence"]
    assert len(told) > 70
    assert np.mean(told) < 0.15  # .08; .25 where skewness is not reckoned with


def test_weights_above_one_are_doubted_sooner_than_weights_below() -> None:
    p, reward = np.full(900, 3 / 7), (np.arange(900) % 4 < 2).astype(float)
    answered = []
    for share in (
        0.334,
        0.4,
        0.466,
    ):  # of what the target prefers: 4 standard errors off, and none
        target = np.where(np.arange(900) < 900 * share, 6 / 7, 1 / 7)
        answer = evaluate(Log(reward=reward, propensity=p, target=target))
        answered.append(answer.verdict == "enough evidence")
    assert answered == [True, True, False]


def test_a_decision_that_is_exported_twice_counts_once(tmp_path: Path) -> None:
    once = choices(600).assign(decision_id=[f"d{n}" for n in range(600)])
    twice = pd.concat([once, once.iloc[:400]])
    differs = pd.concat([once, once.iloc[[0]].assign(r=1.0 - once["r"].iloc[0])])
    named = replace(TABLES, decision="decision_id")
    answers = []
    for number, (log, columns) in enumerate(
        [(once, TABLES), (twice, TABLES), (differs, named), (differs, TABLES)]
    ):
        log.to_csv(tmp_path / f"{number}.csv", index=False)
        answers.append(evaluate(read_csv_log(tmp_path / f"{number}.csv", columns)))
    whole, repeated, contradicted, unsaid = answers
    assert repeated.to_dict()["estimates"] == whole.to_dict()["estimates"]
    assert "400 rows repeat another of their decision_id" in str(repeated)
    assert contradicted.diagnostics.n == 599
    assert contradicted.rejected.lines == (2, 602)
    assert unsaid.diagnostics.n == 601
    assert "2 rows have the decision_id of another that differs" in str(unsaid)
    unnamed = log_of_frame(twice.rename(columns={"decision_id": "id"}), TABLES)
    under_id = log_of_frame(twice.rename(columns={"decision_id": "id"}), replace(TABLES, decision="id"))
    assert (unnamed.n, under_id.n) == (1_000, 600)
    with pytest.raises(ValueError, match="no column 'nothing'"):
        log_of_frame(once, replace(TABLES, decision="nothing"))


@pytest.mark.parametrize("role", ["cluster", "group"])
def test_a_decision_id_that_is_a_class_or_a_group_tells_no_rows_apart(role: str) -> None:
    log = choices(600).assign(decision_id=[f"d{n % 60}" for n in range(600)])
    assert log_of_frame(log, replace(TABLES, **{role: "decision_id"})).n == 600


def test_steps_of_a_list_under_one_decision_id_all_count() -> None:
    log = choices(600).assign(decision_id=[f"d{n // 3}" for n in range(600)], at=np.arange(600) % 3 + 1)
    columns = replace(TABLES, slate="decision_id", position="at")
    assert log_of_frame(log, columns).n == 600
