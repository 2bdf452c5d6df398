"""The text that Prometheus reads."""

from __future__ import annotations

import re

from segue.service.http.metrics import BOUNDS, Metrics

LINE = re.compile(r'^[a-z_]+(\{([a-z]+="([^"\\\n]|\\.)*",?)+\})? \S+$')


def test_every_line_is_in_the_text_format() -> None:
    metrics = Metrics()
    metrics.count("segue_requests_total", {"route": 'odd "route"\n\\'})
    metrics.set("segue_degraded", 1, {"tenant": "a"})
    metrics.observe("segue_request_seconds", 0.003, {"route": "/v1"})
    lines = list(metrics.lines())
    assert {line.split()[2] for line in lines if line.startswith("# TYPE")} == {
        "segue_requests_total",
        "segue_degraded",
        "segue_request_seconds",
    }
    assert all(LINE.match(line) for line in lines if not line.startswith("#"))


def test_a_histogram_is_cumulative_and_ends_with_the_count() -> None:
    metrics = Metrics()
    values = [0.0005, 0.001, 0.0011, 0.3, 99.0]
    for value in values:
        metrics.observe("segue_request_seconds", value)
    lines = [line for line in metrics.lines() if "_bucket" in line]
    counts = [float(line.split()[-1]) for line in lines]
    assert counts == [sum(v <= bound for v in values) for bound in (*BOUNDS, float("inf"))]
    assert f"segue_request_seconds_sum {sum(values):.9g}" in list(metrics.lines())
