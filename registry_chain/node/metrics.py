"""Counters of a node in Prometheus' text format (version 0.0.4); no address and no DID in them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

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
WAITING: Final = Metric("weid_long_polls", "gauge", "Requests waiting for new events now.")
STREAMS: Final = Metric("weid_event_streams", "gauge", "Event streams open now.")
WEBHOOK_DELIVERIES: Final = Metric(
    "weid_webhook_deliveries_total", "counter", "Events that a webhook has taken, by subscription."
)
WEBHOOK_FAILURES: Final = Metric(
    "weid_webhook_failures_total", "counter", "Deliveries that failed, by subscription."
)
WEBHOOK_LAG: Final = Metric(
    "weid_webhook_lag_events", "gauge", "Events that a subscription has not come to yet."
)

Labels: TypeAlias = tuple[tuple[str, str], ...]
_NONE: Final[Mapping[tuple[Metric, Labels], float]] = MappingProxyType({})


class Metrics:
    """Counters that many threads add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[Metric, Labels]] = Counter()

    def count(self, metric: Metric, **labels: str) -> None:
        """Add one to a counter; label values come from fixed sets, never from requests."""
        with self._lock:
            self._counts[metric, tuple(sorted(labels.items()))] += 1

    def value(self, metric: Metric, **labels: str) -> int:
        """Return a counter's value."""
        with self._lock:
            return self._counts[metric, tuple(sorted(labels.items()))]

    def text(
        self, gauges: dict[Metric, float], labelled: Mapping[tuple[Metric, Labels], float] = _NONE
    ) -> str:
        """Return everything as Prometheus reads it, in a fixed order."""
        amounts: dict[tuple[Metric, Labels], float] = dict(labelled)
        amounts.update({(metric, ()): amount for metric, amount in gauges.items()})
        with self._lock:
            counts = sorted(self._counts.items(), key=lambda item: (item[0][0].name, item[0][1]))
        lines: list[str] = []
        seen: set[str] = set()
        for (metric, labels), number in counts:
            lines += _head(metric, seen)
            lines.append(f"{metric.name}{_labels(labels)} {number}")
        for (metric, labels), amount in sorted(
            amounts.items(), key=lambda item: (item[0][0].name, item[0][1])
        ):
            lines += _head(metric, seen)
            name = metric.name + _labels(labels)
            lines.append(f"{name} {amount:g}" if amount < 1e6 else f"{name} {amount:.0f}")
        return "\n".join(lines) + "\n"


def _head(metric: Metric, seen: set[str]) -> list[str]:
    if metric.name in seen:
        return []
    seen.add(metric.name)
    return [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    quoted = (f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels)
    return "{" + ",".join(quoted) + "}"


_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
