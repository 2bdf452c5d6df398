"""Mutated documents of every format: no crash, an answer with a reason each, and none that takes long.

    python benchmarks/lms_fuzz.py --documents 50000

Prints, by format: documents, accepted, refused, crashes, how many took more than 100 ms, and the slowest.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from _data import shared_data
from _mutations import mutate, mutate_bytes

from segue.lms.documents.read_document import DocumentAnswer, answer, answer_line
from segue.lms.records.source_records import Mode

LIMIT = 0.1  # seconds a document may take


def samples(name: str) -> list[Any]:
    """Return good and bad documents of a JSON format, from the fixtures."""
    root = shared_data("lms")
    if name == "case":
        return [
            json.loads((root / "case" / f"{f}.json").read_text()) for f in ("MarkdownFramework", "Ordering")
        ]
    files = {
        "xapi": ("xapi-conformance/statements.ndjson", "statement"),
        "openedx": ("openedx/events.ndjson", "tracking_event"),
        "canvas": ("canvas-live-events/events.ndjson", "payload"),
        "caliper": ("caliper/v1p2_valid_events.ndjson", "doc"),
    }
    path, key = files[name]
    return [json.loads(line)[key] for line in (root / path).read_text().splitlines()]


def of_json(name: str, rng: random.Random, n: int) -> Iterator[Callable[[], dict[str, Any]]]:
    """Yield questions: each answers one mutated document of a JSON format."""
    known = samples(name)
    for i in range(n):
        request = {"n": i, "format": name, "mode": rng.choice(("strict", "lenient"))}
        line = json.dumps(request | {"doc": mutate(rng.choice(known), rng)})
        yield partial(answer_line, line)


def of_files(name: str, folder: Path, rng: random.Random, n: int) -> Iterator[Callable[[], DocumentAnswer]]:
    """Yield questions: each answers one bundle with a mutated file, every other one as a mutated ZIP."""
    root = shared_data("lms")
    source = (
        root
        / {
            "oneroster": "oneroster/v1p2-conformance/valid/full-bulk-package",
            "cartridge": "common-cartridge/canvas-export",
        }[name]
    )
    work = folder / name
    shutil.copytree(source, work, copy_function=shutil.copyfile)
    files = sorted(path for path in work.rglob("*") if path.is_file())
    packed = pack(work, folder / f"{name}.zip").read_bytes()
    for i in range(n):
        mode: Mode = "strict" if rng.random() < 0.5 else "lenient"
        if i % 2:
            victim = rng.choice(files)
            whole = victim.read_bytes()
            victim.write_bytes(mutate_bytes(whole, rng))
            yield partial(answer, name, str(work), mode)
            victim.write_bytes(whole)
        else:
            bundle = folder / "mutated.zip"
            bundle.write_bytes(mutate_bytes(packed, rng))
            yield partial(answer, name, str(bundle), mode)


def pack(folder: Path, target: Path) -> Path:
    """Return a ZIP of a folder."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return target


def run(questions: Iterator[Callable[[], Any]]) -> dict[str, float]:
    """Return how a stream of questions was answered."""
    found = {"documents": 0, "accepted": 0, "refused": 0, "without_reason": 0, "crashes": 0, "slow": 0}
    slowest = 0.0
    for question in questions:
        found["documents"] += 1
        started = time.process_time()
        try:
            result = question()
        except Exception as error:  # the benchmark counts what must not happen
            found["crashes"] += 1
            print(f"  crash: {type(error).__name__}: {error}"[:300])
            continue
        spent = time.process_time() - started
        slowest, found["slow"] = max(slowest, spent), found["slow"] + (spent > LIMIT)
        got = result if isinstance(result, dict) else vars(result)
        found["accepted" if got["accepted"] else "refused"] += 1
        found["without_reason"] += not got["accepted"] and not got["reason"]
        found["crashes"] += "cannot be read (" in got["reason"]  # caught by the last net: still a mistake
    return found | {"slowest_ms": round(1000 * slowest, 1)}


def main(
    documents: int = 2000,
    formats: str = "xapi,caliper,openedx,canvas,case,oneroster,cartridge",
    seed: int = 0,
) -> None:
    """Run every format."""
    for name in formats.split(","):
        rng = random.Random(f"{seed} {name}")
        with tempfile.TemporaryDirectory() as folder:
            if name in ("oneroster", "cartridge"):
                result = run(of_files(name, Path(folder), rng, documents))
            else:
                result = run(of_json(name, rng, documents))
        print(name, json.dumps(result))


if __name__ == "__main__":
    from _command import run_command

    run_command(main)
