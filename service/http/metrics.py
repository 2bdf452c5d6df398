"""Counters that Prometheus reads; nothing in them names a learner.

With several workers each writes its counts into a folder that all share (the environment variable
``PROMETHEUS_MULTIPROC_DIR``, set by `segue serve`), and whichever is asked answers for all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
GROUP_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128)
COUNTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "segue_requests_total": (
        "Requests answered, by route, method and status.",
        ("route", "method", "status"),
    ),
    "segue_events_total": ("Events received, by verdict.", ("verdict",)),
    "segue_fallbacks_total": ("Answers given without the fitted model, by reason.", ("reason",)),
    "segue_refused_total": ("Requests answered 503 because too many waited.", ()),
}
GAUGES: Mapping[str, tuple[str, Literal["max", "livesum"]]] = {
    "segue_degraded": ("1 while there is no fitted model to decide by.", "max"),
    "segue_waiting": ("Requests waiting to be worked on, and jobs waiting for the store.", "livesum"),
}
HISTOGRAMS: Mapping[str, tuple[str, tuple[str, ...], tuple[float, ...]]] = {
    "segue_request_seconds": ("Time from first byte to answer.", ("route",), BOUNDS),
    "segue_group_jobs": ("Jobs that shared one commit.", (), GROUP_BOUNDS),
}
NONE: Mapping[str, str] = MappingProxyType({})


class Metrics:
    """Counters, gauges and histograms of one tenant, of this process or of all workers.

    >>> metrics = Metrics("school")
    >>> metrics.count("segue_events_total", {"verdict": "accepted"})
    >>> [line for line in metrics.text().splitlines() if "accepted" in line]
    ['segue_events_total{tenant="school",verdict="accepted"} 1.0']
    """

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self._registry = mine = CollectorRegistry()
        self._counters = {
            name: Counter(name, text, ("tenant", *labels), registry=mine)
            for name, (text, labels) in COUNTERS.items()
        }
        self._gauges = {
            name: Gauge(name, text, ("tenant",), registry=mine, multiprocess_mode=mode)
            for name, (text, mode) in GAUGES.items()
        }
        self._histograms = {
            name: Histogram(name, text, ("tenant", *labels), registry=mine, buckets=bounds)
            for name, (text, labels, bounds) in HISTOGRAMS.items()
        }

    def count(self, name: str, labels: Mapping[str, str] = NONE, *, by: float = 1) -> None:
        """Add `by` to a counter; `labels` in the order of `COUNTERS`."""
        self._counters[name].labels(self.tenant, *labels.values()).inc(by)

    def set(self, name: str, value: float) -> None:
        """Set a gauge."""
        self._gauges[name].labels(self.tenant).set(value)

    def observe(self, name: str, value: float, labels: Mapping[str, str] = NONE) -> None:
        """Add a value to a histogram; `labels` in the order of `HISTOGRAMS`."""
        self._histograms[name].labels(self.tenant, *labels.values()).observe(value)

    def text(self) -> str:
        """Return this tenant's metrics in the text format of Prometheus, version 0.0.4."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry).decode()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; those of other tenants, which the workers' folder holds too, are left out."""
        for metric in _of_all_workers() if os.environ.get(FOLDER) else self._registry.collect():
            metric.samples = [
                sample
                for sample in metric.samples
                if sample.labels.get("tenant") == self.tenant and not sample.name.endswith("_created")
            ]
            if metric.samples:
                yield metric


def _of_all_workers() -> Iterable[Metric]:
    registry = CollectorRegistry()
    of_files: Callable[[CollectorRegistry], object] = MultiProcessCollector
    of_files(registry)  # registers itself
    return registry.collect()


def share(folder: str) -> None:
    """Let the workers that are started after this count in one folder."""
    os.environ[FOLDER] = folder
