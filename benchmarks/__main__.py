"""`make bench`: run every benchmark, print one table, write benchmarks/results.json.

Each module named in `PARTS` has `run()`, which gives {name, value, unit, ratio, to} for a figure:
the median, its unit, the ratio to what `to` names (a peer measured in the same run, or a target).
A benchmark checks its result before it times it, and fails no test.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

PARTS = ("sd_jwt", "chain", "scale", "network", "batch", "exchange", "cli")
RESULTS = Path(__file__).parent / "results.json"
SHOWN = ("pynacl", "cryptography", "cbor2", "jsonschema-rs", "sd-jwt")


def main(wanted: list[str]) -> int:
    """Run the wanted parts, or all; print the table as it grows."""
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()};",
        end=" ",
    )
    print(", ".join(f"{name} {version(name)}" for name in SHOWN))
    print("medians; a ratio compares within this run\n")
    print(f"{'figure':24} {'median':>14} {'unit':12} {'ratio':>8}  to")
    figures: list[dict[str, object]] = []
    for part in wanted or PARTS:
        for figure in importlib.import_module(f"benchmarks.{part}").run():
            figures.append(figure)
            ratio = figure.get("ratio")
            shown = f"{ratio:8.2f}" if isinstance(ratio, int | float) else " " * 8
            print(
                f"{figure['name']:24} {figure['value']:>14,.4g} {figure['unit']:12} {shown}  "
                f"{figure.get('to') or ''}",
                flush=True,
            )
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(f"\nwritten: {RESULTS.relative_to(Path.cwd())}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
