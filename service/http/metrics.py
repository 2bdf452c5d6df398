"""Counters in the text format that Prometheus reads; nothing in them names a learner."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from types import MappingProxyType

BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
HELP = {
    "segue_requests_total": ("counter", "Requests answered, by route, method and status."),
    "segue_request_seconds": ("histogram", "Time from first byte to answer."),
    "segue_events_total": ("counter", "Events received, by verdict."),
    "segue_fallbacks_total": ("counter", "Answers given without the fitted model, by reason."),
    "segue_reloads_total": ("counter", "Models taken up while running, by outcome."),
    "segue_group_jobs": ("histogram", "Jobs that shared one commit."),
    "segue_degraded": ("gauge", "1 while there is no fitted model to decide by."),
    "segue_waiting": ("gauge", "Jobs waiting for the store."),
}
GROUP_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128)
NONE: Mapping[str, str] = MappingProxyType({})
Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counters, gauges and histograms of one tenant in one process.

    Examples
    --------
    >>> metrics = Metrics()
    >>> metrics.count("segue_events_total", {"verdict": "accepted"})
    >>> [line for line in metrics.lines() if not line.startswith("#")]
    ['segue_events_total{verdict="accepted"} 1']
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, dict[Labels, float]] = defaultdict(lambda: defaultdict(float))
        self._histograms: dict[str, dict[Labels, list[float]]] = defaultdict(dict)

    def count(self, name: str, labels: Mapping[str, str] = NONE, *, by: float = 1) -> None:
        """Add `by` to a counter."""
        with self._lock:
            self._values[name][tuple(labels.items())] += by

    def set(self, name: str, value: float, labels: Mapping[str, str] = NONE) -> None:
        """Set a gauge."""
        with self._lock:
            self._values[name][tuple(labels.items())] = value

    def observe(self, name: str, value: float, labels: Mapping[str, str] = NONE) -> None:
        """Add a value to a histogram."""
        bounds = bounds_of(name)
        with self._lock:
            series = self._histograms[name].setdefault(tuple(labels.items()), [0.0] * (len(bounds) + 2))
            series[bisect_left(bounds, value)] += 1
            series[-1] += value

    def lines(self) -> Iterator[str]:
        """Yield the lines of the Prometheus text format, version 0.0.4."""
        with self._lock:
            values = {name: dict(series) for name, series in self._values.items()}
            histograms = {
                n: {key: list(v) for key, v in series.items()} for n, series in self._histograms.items()
            }
        for name in sorted(values.keys() | histograms.keys()):
            kind, text = HELP[name]
            yield f"# HELP {name} {text}"
            yield f"# TYPE {name} {kind}"
            for labels, value in sorted(values.get(name, {}).items()):
                yield f"{name}{written(labels)} {value:g}"
            for labels, series in sorted(histograms.get(name, {}).items()):
                yield from histogram_lines(name, labels, series)


def bounds_of(name: str) -> tuple[float, ...]:
    """Return the upper bounds of a histogram's buckets."""
    return GROUP_BOUNDS if name == "segue_group_jobs" else BOUNDS


def histogram_lines(name: str, labels: Labels, series: list[float]) -> Iterator[str]:
    """Yield buckets (cumulative), sum and count of one histogram."""
    total = 0.0
    for bound, n in zip([*map(str, bounds_of(name)), "+Inf"], series[:-1], strict=True):
        total += n
        yield f"{name}_bucket{written((*labels, ('le', bound)))} {total:g}"
    yield f"{name}_sum{written(labels)} {series[-1]:.9g}"
    yield f"{name}_count{written(labels)} {total:g}"


def written(labels: Labels) -> str:
    """Return labels as Prometheus writes them, quoted and escaped."""
    if not labels:
        return ""
    pairs = (f'{key}="{escaped(value)}"' for key, value in labels)
    return "{" + ",".join(pairs) + "}"


def escaped(value: str) -> str:
    """Return a label's value with backslash, quote and line break escaped."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
