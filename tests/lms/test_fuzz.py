"""Whatever is done to a document, an answer comes back, with a reason when it is no, and nobody's name."""

from __future__ import annotations

import importlib.util
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segue.lms.documents.read_document import READERS, answer_line

_PERSONAL = (
    "name givenName familyName middleName email login user_login username target_username user_name sis_id "
    "user_sis_id student_sis_id sis_source_id ip client_ip ipAddress agent user_agent userAgent body comment "
    "accept_language text response answer answers question title description bookmarkNotes selectionText "
    "searchTerms value display userIds phone sms password url request_url referer host hostname session_id"
)
PERSONAL = frozenset(_PERSONAL.split())
CANARY = "Canary Person canary@school.example"
FILES = {
    "xapi": ("xapi-conformance/statements.ndjson", "statement"),
    "openedx": ("openedx/events.ndjson", "tracking_event"),
    "canvas": ("canvas-live-events/events.ndjson", "payload"),
    "caliper": ("caliper/v1p2_valid_events.ndjson", "doc"),
}


def mutations() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "_mutations.py"
    spec = importlib.util.spec_from_file_location("_mutations", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ask(name: str, document: Any, mode: str) -> dict[str, Any]:
    return answer_line(json.dumps({"n": 1, "format": name, "mode": mode, "doc": document}))


def timed(name: str, document: Any, mode: str) -> tuple[dict[str, Any], float]:
    started = time.thread_time()
    found = ask(name, document, mode)
    return found, time.thread_time() - started


def samples(shared_data: Callable[[str], Path], name: str) -> list[Any]:
    file, key = FILES[name]
    return [json.loads(line)[key] for line in (shared_data("lms") / file).read_text().splitlines()]


@pytest.mark.parametrize("name", FILES)
def test_mutated_documents_get_an_answer_in_time(shared_data: Callable[[str], Path], name: str) -> None:
    known, mutate = samples(shared_data, name), mutations().mutate
    for seed in range(300):
        rng = random.Random(seed)
        document = mutate(rng.choice(known), rng)
        for mode in ("strict", "lenient"):
            found, seconds = timed(name, document, mode)
            assert seconds < 0.1 or timed(name, document, mode)[1] < 0.1  # the first may pay for a collection
            assert found["accepted"] or found["reason"]
            assert "cannot be read (" not in found["reason"]
            json.dumps(found, allow_nan=False)


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
documents = st.recursive(
    scalars,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=8), parts, max_size=4),
)
KEYS = [
    "actor",
    "verb",
    "object",
    "id",
    "type",
    "data",
    "metadata",
    "body",
    "CFDocument",
    "CFItems",
    "eventname",
]
shaped = st.dictionaries(
    st.sampled_from([*KEYS, "name", "context", "result", "event", "statements"]), documents
)


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(document=shaped | documents)
def test_any_json_gets_an_answer(name: str, document: Any) -> None:
    for mode in ("strict", "lenient"):
        found = ask(name, document, mode)
        assert found["accepted"] or found["reason"]
        assert "cannot be read (" not in found["reason"]


def planted(document: Any, kept: str = "") -> Any:
    """The document with a canary in every text that may say something of a person, but for the key `kept`."""
    if isinstance(document, list):
        return [planted(part) for part in document]
    if not isinstance(document, dict):
        return document
    return {
        key: CANARY
        if key in PERSONAL and key != kept and not isinstance(value, dict | list)
        else planted(value)
        for key, value in document.items()
    }


@pytest.mark.parametrize("mode", ["strict", "lenient"])
@pytest.mark.parametrize("name", FILES)
def test_nothing_personal_comes_out(shared_data: Callable[[str], Path], name: str, mode: str) -> None:
    for document in samples(shared_data, name):
        kept = "name" if name == "openedx" else ""  # there it is the type of the record
        shown = json.dumps(ask(name, planted(document, kept), mode)).lower()
        assert "canary" not in shown
