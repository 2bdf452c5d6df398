"""The text that Prometheus reads, of one process and of several."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from segue.service.http.metrics import FOLDER, Metrics


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Return name and label values (in the labels' order) of each sample, read by the library's parser."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_text_can_be_read_back() -> None:
    metrics = Metrics("school")
    odd = 'odd "route"\n\\'
    metrics.count("segue_requests_total", {"route": odd, "method": "GET", "status": "200"}, by=2)
    metrics.set("segue_degraded", 1)
    for value in (0.0005, 0.3, 99.0):
        metrics.observe("segue_request_seconds", value, {"route": "/v1"})
    found = samples(metrics.text())
    assert found["segue_requests_total", "GET", odd, "200", "school"] == 2
    assert found["segue_degraded", "school"] == 1
    assert found["segue_request_seconds_count", "/v1", "school"] == 3
    assert found["segue_request_seconds_bucket", "0.5", "/v1", "school"] == 2
    assert found["segue_request_seconds_bucket", "+Inf", "/v1", "school"] == 3


def test_one_tenant_is_not_told_of_another() -> None:
    first, second = Metrics("first"), Metrics("second")
    second.count("segue_events_total", {"verdict": "accepted"})
    assert "second" not in first.text()


def test_workers_count_together(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom segue.service.http.metrics import Metrics\n"
        "m, other = Metrics('school'), Metrics('other')\n"
        "m.count('segue_events_total', {'verdict': 'accepted'}, by=int(sys.argv[1]))\n"
        "other.count('segue_events_total', {'verdict': 'accepted'}, by=1000)\n"
        "m.observe('segue_group_jobs', 3)\nprint(m.text())"
    )
    environment = os.environ | {FOLDER: str(tmp_path)}
    said = ""
    for count in (3, 4, 5):
        command = [sys.executable, "-c", script, str(count)]
        said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    found = samples(said)
    assert found["segue_events_total", "school", "accepted"] == 12
    assert found["segue_group_jobs_count", "school"] == 3
    assert "other" not in said
