"""exchange: 200 wallets at once take a certificate (OpenID4VCI), then show it (OpenID4VP).

Run: python -m benchmarks exchange. A node, issuer-app and verifier-app run as an operator runs
them, with the settings as they come; the wallets are in processes of their own (`exchange_load`).
Each has a key and an address of its own and all begin in the same moment, so that a time is mostly
waiting for the 199 others. Taking is offer, metadata, token (with DPoP), nonce and the credential,
encrypted both ways; every certificate is anchored in the registry before it goes out. Showing is
the signed request and an encrypted answer (direct_post.jwt), which is verified against the
registry. One that is not served ends the benchmark.

Beside it, in the same rounds and with the same wallets, Credo's issuer and verifier
(`exchange_credo`), where npm can install them. They keep everything in memory and have no registry
and no status lists; their credentials are not encrypted on the way.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from benchmarks.exchange_apps import Apps, running
from benchmarks.exchange_credo import VERSION, Credo, CredoAbsentError, credo
from benchmarks.exchange_load import LoadError, Outcome, at_once

WALLETS = 200
ROUNDS = 3
Measured = dict[str, list[float]]
"""Figures by name: one value for each round."""


class Verifier(Protocol):
    """Who asks, and knows what became of it; `anchor` is whom wallets trust about it."""

    anchor: str

    def ask(self) -> tuple[str, str]:
        """Begin a presentation; return its id and its link."""
        ...

    def is_accepted(self, name: str) -> bool:
        """Whether a presentation was answered and accepted."""
        ...


def measure_round(
    offers: Callable[[int], list[str]], verifier: Verifier, wallets: int
) -> dict[str, float]:
    """Have wallets take what is offered and show it; return the figures.

    Raises:
        LoadError: one was not served, or not accepted.
    """
    taken = at_once("take", [{"offer": offer} for offer in offers(wallets)])
    asked = [verifier.ask() for _ in taken]
    jobs = [
        {"request": link, "anchor": verifier.anchor, **outcome.got}
        for (_, link), outcome in zip(asked, taken, strict=True)
    ]
    shown = at_once("show", jobs)
    missing = sum(not verifier.is_accepted(name) for name, _ in asked)
    if missing:
        raise LoadError(f"{missing} of {wallets} presentations are not accepted")
    return {**_figures("vci", taken), **_figures("vp", shown)}


def _figures(name: str, outcomes: list[Outcome]) -> dict[str, float]:
    seconds = [outcome.seconds for outcome in outcomes]
    span = max(one.end for one in outcomes) - min(one.begin for one in outcomes)
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {
        name: len(outcomes) / span,
        f"{name}_p50": cuts[49] * 1e3,
        f"{name}_p95": cuts[94] * 1e3,
    }


def _measure(
    apps: Apps, peer: Credo | None, *, rounds: int, wallets: int
) -> tuple[Measured, Measured]:
    """Return our figures and the peer's, in turns, so that both meet the same machine.

    Raises:
        LoadError: one of our wallets was not served.
    """
    ours: Measured = {}
    theirs: Measured = {}
    for _ in range(rounds):
        _keep(ours, measure_round(apps.offers, apps.verifier, wallets))
        if peer is not None:
            try:
                _keep(theirs, measure_round(peer.offers, peer.verifier, wallets))
            except LoadError as error:
                print(f"exchange: Credo is left out: {error}")
                peer, theirs = None, {}
    return ours, theirs


def _keep(measured: Measured, figures: dict[str, float]) -> None:
    for name, value in figures.items():
        measured.setdefault(name, []).append(value)


def run(*, rounds: int = ROUNDS, wallets: int = WALLETS) -> Iterator[dict[str, object]]:
    """Yield for taking and showing how many a second, and the median and p95 of their times."""
    with tempfile.TemporaryDirectory(prefix="weid-bench-") as folder, ExitStack() as until_the_end:
        apps = until_the_end.enter_context(running(Path(folder) / "apps"))
        peer = None
        try:
            peer = until_the_end.enter_context(credo(Path(folder) / "credo"))
        except CredoAbsentError as reason:
            print(f"exchange: Credo is skipped: {reason}")
        ours, theirs = _measure(apps, peer, rounds=rounds, wallets=wallets)
    for name, values in ours.items():
        value = statistics.median(values)
        yield _figure(f"{name}_{wallets}", value, name, theirs.get(name))


def _figure(name: str, value: float, kind: str, peers: list[float] | None) -> dict[str, object]:
    unit = "ms" if "_" in kind else "1/s"
    figure: dict[str, object] = {"name": name, "value": round(value, 1), "unit": unit}
    if not peers:
        return {**figure, "ratio": None, "to": "no errors; Credo is not here"}
    peer = statistics.median(peers)
    ratio = peer / value if unit == "ms" else value / peer
    return {**figure, "ratio": round(ratio, 2), "to": f"Credo {VERSION}: {peer:,.1f}; no errors"}
