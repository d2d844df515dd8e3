"""How a registry's cost grows with its state: inserts a second, proof bytes, disk bytes of a key.

Run: python -m benchmarks scale, or python -m benchmarks.scale --keys 10000000 for more. New batches
are anchored, a hundred in each transaction, fifty transactions in each block, over SQLite, by the
embedded engine; signing is not timed. At each mark the last tenth of the growth is what the rate is
of. Draws docs/figures/scale.svg.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chain import Chain, new_records, running
from benchmarks.plot import Curve, draw

MARKS = (10_000, 100_000, 1_000_000)
STEP = 5_000
PROOFS = 300
FIGURE = Path(__file__).parents[1] / "docs" / "figures" / "scale.svg"


@dataclass(frozen=True, slots=True)
class Mark:
    """What was measured at so many keys: rates a second, and bytes."""

    keys: int
    wall: float
    cpu: float
    proof: float
    disk: float


def grow(chain: Chain, marks: tuple[int, ...]) -> Iterator[Mark]:
    """Grow a chain to the last mark, and yield what is measured at each."""
    empty = _bytes(chain)
    rates: list[tuple[int, float, float]] = []
    for start in range(0, marks[-1], STEP):
        seconds = chain.timed(new_records(chain, start, STEP))
        keys = start + STEP
        rates.append((keys, STEP / seconds, STEP / chain.cpu))
        if keys in marks:
            last = [rate for rate in rates if rate[0] > keys - max(keys // 10, STEP)]
            yield Mark(
                keys,
                statistics.median(wall for _, wall, _ in last),
                statistics.median(cpu for _, _, cpu in last),
                statistics.mean(_proofs(chain, keys)),
                (_bytes(chain) - empty) / keys,
            )


def _proofs(chain: Chain, keys: int) -> Iterator[int]:
    for number in range(0, keys, keys // PROOFS):
        answer = chain.reader.record("batch", chain.record_id(number))
        assert answer.value is not None
        yield len(answer.proof.to_bytes())


def _bytes(chain: Chain) -> int:
    """Return the size of a copy of the store, which has no log of changes beside it."""
    with tempfile.TemporaryDirectory(dir=chain.store.folder) as folder:
        chain.store.copy_to(Path(folder))
        return sum(path.stat().st_size for path in Path(folder).iterdir())


def measure(marks: tuple[int, ...] = MARKS) -> Iterator[dict[str, object]]:
    """Yield the figures of each mark, and draw them at the end."""
    found = []
    with running() as chain:
        for mark in grow(chain, marks):
            found.append(mark)
            named = f"_{mark.keys:,}".replace(",000,000", "m").replace(",000", "k")
            yield _figure(f"inserts{named}", mark.wall, "records/s", "durable, signatures verified")
            yield _figure(f"inserts_cpu{named}", mark.cpu, "records/CPU s", "all threads")
            yield _figure(f"proof{named}", mark.proof, "bytes", "of one record in the state")
            note = "records, tree, log, receipts, blocks, events and history"
            yield _figure(f"disk{named}", mark.disk, "bytes/key", note)
    FIGURE.parent.mkdir(exist_ok=True)
    FIGURE.write_text(
        draw(
            "Growth of a registry's state",
            [mark.keys for mark in found],
            [
                Curve("records inserted a second", [mark.wall for mark in found]),
                Curve("bytes of a proof", [mark.proof for mark in found]),
                Curve("bytes on disk for each key", [mark.disk for mark in found]),
            ],
        ),
        encoding="utf-8",
    )


def _figure(name: str, value: float, unit: str, to: str) -> dict[str, object]:
    return {"name": name, "value": value, "unit": unit, "ratio": None, "to": to}


def run() -> Iterator[dict[str, object]]:
    """Yield the figures up to a million keys."""
    yield from measure()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=MARKS[-1])
    most = parser.parse_args().keys
    wanted = [10**power for power in range(4, 12) if 10**power <= most]
    for row in measure(tuple(wanted)):
        print(f"{row['name']:18} {row['value']:12,.4g} {row['unit']:14} {row['to']}", flush=True)
