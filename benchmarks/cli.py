"""`weid verify` of a file as a process of its own, from a cold start of the interpreter.

Prepared once: a registry in this process, its trust bundle, and a certificate that is bound to
nobody's key. Timed, median of 7: the whole command, from starting Python to the printed report,
in a home folder of its own.

Run: python -m benchmarks cli
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from registry_chain import LocalRegistry
from weid.credential.template import CredentialTemplate
from weid.issuer import Issuer
from weid.registry.bundle_export import export_from

ROUNDS = 7
TARGET = 1.0
"""Seconds that a person at a counter takes for 'at once'."""
DIPLOMA = Path(__file__).parents[1] / "examples" / "diploma.json"
CLAIMS = {"name": "Ada Lovelace", "degree": "Mathematics", "born": "1815-12-10"}


def prepare(folder: Path) -> list[str]:
    """Write a bundle and a certificate; return the arguments that verify it."""
    registry = LocalRegistry(network="bench")
    issuer = Issuer.register("University of Examples", registry=registry)
    diploma = issuer.publish(CredentialTemplate.from_file(DIPLOMA))
    registry.governor.recognize(issuer.did, diploma)
    credential = issuer.issue(diploma, CLAIMS, holder_key=None, valid_for=timedelta(days=365))
    data = export_from(
        [registry.committed], genesis_hash=registry.genesis_hash, status_tokens=registry
    )
    bundle, file = folder / "bench.bundle", folder / "diploma.txt"
    bundle.write_bytes(data)
    file.write_text(credential.text, encoding="utf-8")
    genesis = registry.genesis_hash.hex()
    return ["verify", str(file), "--unbound", "--bundle", str(bundle), "--genesis", genesis]


def seconds_of(arguments: list[str], folder: Path) -> float:
    """Run the command in an empty home; return how long it took, or fail if it did not accept."""
    home = Path(tempfile.mkdtemp(dir=folder))
    command = [sys.executable, "-m", "weid.cli", *arguments, "--json"]
    start = time.perf_counter()
    done = subprocess.run(
        command,
        env={**os.environ, "WEID_HOME": str(home / "weid")},
        cwd=home,
        capture_output=True,
        check=False,
    )
    taken = time.perf_counter() - start
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["claims"]["name"] == CLAIMS["name"]
    return taken


def run() -> list[dict[str, object]]:
    """Return the one figure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arguments = prepare(folder)
        seconds_of(arguments, folder)  # the first run may have to compile modules
        value = statistics.median(seconds_of(arguments, folder) for _ in range(ROUNDS))
    return [
        {"name": "cli_verify", "value": value, "unit": "s", "ratio": TARGET / value, "to": "1 s"}
    ]


if __name__ == "__main__":
    print(run())
