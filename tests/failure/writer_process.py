"""A registry in a process of its own that writes until somebody ends it; run as a program.

    python -m tests.failure.writer_process FOLDER LEDGER [one]

Each receipt is appended to LEDGER and synced before the next transaction is submitted: the ledger
is the word of a client, kept outside what is tested. Three threads submit, one for each governor.
With `one` it submits a single transaction and ends. SIGTERM closes the engine and ends it well.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
from pathlib import Path

from registry_chain.engines.embedded.embedded import EmbeddedEngine
from registry_chain.storage.errors import StoreFullError, StoreStoppedError
from registry_chain.storage.sqlite import SqliteChainStore
from tests.support.chain_world import ChainWorld
from weid.clock import SystemClock
from weid.errors import RegistryUnavailableError

_EVER = 2**40


def main() -> int:
    """Run until killed, or for one transaction."""
    folder, ledger = Path(sys.argv[1]), Path(sys.argv[2])
    world = ChainWorld(
        SqliteChainStore(folder),
        make=EmbeddedEngine,
        clock=SystemClock(),  # type: ignore[arg-type]
    )
    descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    stop = threading.Event()
    print("ready", flush=True)
    if sys.argv[3:] == ["one"]:
        return _one(world, descriptor)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threads = [
        threading.Thread(target=_write, args=(world, descriptor, governor, stop))
        for governor in range(3)
    ]
    for thread in threads:
        thread.start()
    stop.wait()
    world.engine.close()
    for thread in threads:
        thread.join()
    return 0


def _one(world: ChainWorld, descriptor: int) -> int:
    try:
        transaction = world.anchor(secrets.token_hex(8), valid_until=_EVER)
        _acknowledge(descriptor, world.submit(transaction).transaction_id)
    except StoreFullError:
        print("full", flush=True)
        return 3
    except (StoreStoppedError, RegistryUnavailableError):
        print("stopped", flush=True)
        return 4
    world.engine.close()
    return 0


def _write(world: ChainWorld, descriptor: int, governor: int, stop: threading.Event) -> None:
    try:
        while not stop.is_set():
            transaction = world.anchor(secrets.token_hex(8), governor=governor, valid_until=_EVER)
            receipt = world.submit(transaction)
            _acknowledge(descriptor, receipt.transaction_id)
    except RegistryUnavailableError:
        stop.set()


def _acknowledge(descriptor: int, transaction_id: bytes) -> None:
    os.write(descriptor, transaction_id.hex().encode() + b"\n")
    os.fdatasync(descriptor)


if __name__ == "__main__":
    sys.exit(main())
