"""Comparing functions fairly: alternating rounds in a rotating order, CPU time, medians, ratios."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Calls per second of CPU time of this process: the median, and its 10th and 90th percentile.

    `ratios` are those to the first function, round by round; `ratio` is their median.
    """

    per_second: float
    low: float
    high: float
    ratio: float


def compare(
    functions: Mapping[str, Callable[[], object]], *, rounds: int = 15, seconds: float = 0.1
) -> dict[str, Timing]:
    """Time every function in every round; the first is what the others are compared with."""
    names = list(functions)
    counts = {name: _calibrate(function, seconds) for name, function in functions.items()}
    rates: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        gc.collect()
        gc.disable()
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            rates[name].append(counts[name] / _time(functions[name], counts[name]))
        gc.enable()
    return {name: _summary(rates[name], rates[names[0]]) for name in names}


def _summary(rates: list[float], base: list[float]) -> Timing:
    tenths = statistics.quantiles(rates, n=10)
    ratio = statistics.median(mine / theirs for mine, theirs in zip(rates, base, strict=True))
    return Timing(statistics.median(rates), tenths[0], tenths[-1], ratio)


def _calibrate(function: Callable[[], object], seconds: float) -> int:
    count = 1
    while (taken := _time(function, count)) < seconds / 4:
        count *= 2
    return max(1, round(count * seconds / taken))


def _time(function: Callable[[], object], count: int) -> float:
    start = time.process_time()
    for _ in range(count):
        function()
    return time.process_time() - start
