"""A policy that was written down is read back as it was, an own one too; what it is not is said."""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path

import pytest

from segue.engine import policies
from segue.engine.policies import Policy
from segue.engine.policies.by_name import described, named

KINDS = [
    kind
    for name in policies.__all__
    if inspect.isclass(kind := getattr(policies, name)) and issubclass(kind, Policy) and kind is not Policy
]


@pytest.mark.parametrize("policy", [kind() for kind in KINDS], ids=repr)
def test_every_policy_comes_back_from_json(policy: Policy) -> None:
    assert named(json.loads(json.dumps(described(policy)))) == policy


def test_an_own_policy_is_found_where_it_can_be_imported_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "our_school.py").write_text(
        "from dataclasses import dataclass\n"
        "from segue.engine.policies import Greedy\n"
        "@dataclass(frozen=True)\n"
        "class Shy(Greedy):\n"
        "    courage: float = 0.5\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    policy = named({"name": "our_school:Shy", "parameters": {"courage": 0.25}})
    assert repr(policy) == "Shy(courage=0.25)"
    assert described(policy) == {"name": "our_school:Shy", "parameters": {"courage": 0.25}}
    sys.modules.pop("our_school")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Softmax", "a policy is"),
        ({"name": "Softmaxx"}, "unknown policy 'Softmaxx': known are .*EpsilonGreedy"),
        ({"name": "sample"}, "unknown policy 'sample'"),
        ({"name": "no.such:Policy"}, "cannot be imported"),
        ({"name": "json:loads"}, "unknown policy 'json:loads'"),
        (
            {"name": "Softmax", "parameters": {"heat": 1}},
            "has no parameter 'heat': it has temperature, floor",
        ),
        ({"name": "Softmax", "parameters": {"temperature": -1}}, "temperature must be positive"),
        ({"name": "Softmax", "parameters": {"temperature": "hot"}}, "does not take"),
        ({"name": "Softmax", "parameters": 3}, "must be an object"),
        ({"name": "Softmax", "temperature": 1}, "'temperature' stands beside the policy's name"),
    ],
)
def test_what_is_no_policy_is_said(text: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        named(text)
