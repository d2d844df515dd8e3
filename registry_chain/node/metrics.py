"""Counters of a node in Prometheus' text format (version 0.0.4); no address and no DID in them."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric's name, kind and meaning."""

    name: str
    kind: str
    help: str


REQUESTS: Final = Metric(
    "weid_http_requests_total", "counter", "Requests answered, by route and status."
)
RATE_LIMITED: Final = Metric(
    "weid_http_rate_limited_total", "counter", "Requests refused because a peer sent too many."
)
SUBMITTED: Final = Metric(
    "weid_transactions_submitted_total", "counter", "Transactions submitted here, by result code."
)
HEIGHT: Final = Metric("weid_height", "gauge", "Height of the newest sealed block.")
HEAD_AGE: Final = Metric(
    "weid_head_age_seconds", "gauge", "Age of the newest sealed block by its header time."
)
WAITING: Final = Metric("weid_long_polls", "gauge", "Requests waiting for new events now.")


class Metrics:
    """Counters that many threads add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[Metric, tuple[tuple[str, str], ...]]] = Counter()

    def count(self, metric: Metric, **labels: str) -> None:
        """Add one to a counter; label values come from fixed sets, never from requests."""
        with self._lock:
            self._counts[metric, tuple(sorted(labels.items()))] += 1

    def value(self, metric: Metric, **labels: str) -> int:
        """Return a counter's value."""
        with self._lock:
            return self._counts[metric, tuple(sorted(labels.items()))]

    def text(self, gauges: dict[Metric, float]) -> str:
        """Return everything as Prometheus reads it, in a fixed order."""
        with self._lock:
            counts = sorted(self._counts.items(), key=lambda item: (item[0][0].name, item[0][1]))
        lines: list[str] = []
        seen: set[str] = set()
        for (metric, labels), number in counts:
            lines += _head(metric, seen)
            lines.append(f"{metric.name}{_labels(labels)} {number}")
        for metric, amount in sorted(gauges.items(), key=lambda item: item[0].name):
            lines += _head(metric, seen)
            lines.append(
                f"{metric.name} {amount:g}" if amount < 1e6 else f"{metric.name} {amount:.0f}"
            )
        return "\n".join(lines) + "\n"


def _head(metric: Metric, seen: set[str]) -> list[str]:
    if metric.name in seen:
        return []
    seen.add(metric.name)
    return [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    if not labels:
        return ""
    quoted = (f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels)
    return "{" + ",".join(quoted) + "}"


_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
