"""How fast the doors read, in how much memory, and how well their verdicts agree with published fixtures.

    OMP_NUM_THREADS=1 python benchmarks/lms.py --statements 200000

The statements are the valid ones of the xAPI conformance set, repeated with ids of their own, in one file.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
import uuid
from pathlib import Path

from _data import shared_data

from segue.lms.catalogues.case import open_framework
from segue.lms.documents.read_document import answer
from segue.lms.records.source_records import ReadReport
from segue.lms.xapi import reader as xapi


def write_log(path: Path, n: int) -> float:
    """Write n valid statements as NDJSON and return the megabytes."""
    lines = (shared_data("lms") / "xapi-conformance" / "statements.ndjson").read_text().splitlines()
    valid = [row["statement"] for row in map(json.loads, lines) if row["expect_status"] == 200]
    with path.open("w") as handle:
        for i in range(n):
            statement = valid[i % len(valid)] | {"id": str(uuid.UUID(int=i))}
            handle.write(json.dumps(statement) + "\n")
    return path.stat().st_size / 1e6


def throughput(n: int) -> dict[str, float]:
    """Return statements a second (parsed, validated, mapped) and the peak memory while reading."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.ndjson"
        megabytes = write_log(path, n)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.process_time()
        events, report = xapi.read(path)
        taken = sum(1 for _ in events)
        seconds = time.process_time() - started
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert not report.refused
    return {
        "statements": n,
        "megabytes": round(megabytes, 1),
        "events": taken,
        "statements_per_second": round(n / seconds),
        "memory_growth_mb": round((after - before) / 1024, 1),
    }


def rows(path: str) -> list[dict[str, object]]:
    """Return the rows of a fixture file."""
    return [json.loads(line) for line in (shared_data("lms") / path).read_text().splitlines()]


def agreement() -> dict[str, str]:
    """Return, by format, how many verdicts agree with the fixtures."""
    found = {}
    cases = rows("xapi-conformance/statements.ndjson")
    right = sum(answer("xapi", [row["statement"]]).accepted == (row["expect_status"] == 200) for row in cases)
    found["xapi"] = f"{right} of {len(cases)}"
    for kind in ("events and envelopes", "entities"):
        names = (
            "v1p1_valid_events",
            "v1p2_valid_events",
            "v1p1_valid_entities",
            "v1p2_valid_entities",
            "v1p2_reject",
        )
        cases = [row for name in names for row in rows(f"caliper/{name}.ndjson")]
        cases = [row for row in cases if (row["kind"] == "Entity") == (kind == "entities")]
        right = sum(answer("caliper", [row["doc"]]).accepted == (row["expect"] == "accept") for row in cases)
        found[f"caliper {kind}"] = f"{right} of {len(cases)}"
    folder = shared_data("lms") / "oneroster" / "v1p2-conformance"
    bundles = json.loads((folder / "index.json").read_text())
    right = sum(
        set(answer("oneroster", str(folder / b["dir"])).codes) == set(b["expected_codes"]) for b in bundles
    )
    found["oneroster diagnostics"] = f"{right} of {len(bundles)}"
    return found


def main(statements: int = 100_000) -> None:
    """Print the figures as JSON lines."""
    print(json.dumps({"agreement": agreement()}))
    print(json.dumps({"xapi": throughput(statements)}))
    started = time.perf_counter()
    framework = open_framework(shared_data("lms") / "case" / "ccss_math_k5.json", "lenient", ReadReport())
    seconds = time.perf_counter() - started
    print(json.dumps({"case": {"skills": len(framework.skills), "seconds": round(seconds, 3)}}))


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
