"""Clients that write while things go wrong, and what they were told: the word of the outside.

What is acknowledged is appended to a file and synced before the client goes on.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tests.failure.network.nodes import TRANSPORT
from tests.failure.network.register import Event, Result
from weid.clock import SystemClock
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.errors import RegistryUnavailableError, TransactionRejectedError
from weid.registry.author import VALID_FOR, Author, create_did
from weid.registry.http_client import HttpRegistry
from weid.registry.operations import NewService, UpdateDid
from weid.registry.records import DidRecord
from weid.registry.signing import sign_transaction
from weid.registry.transaction import SignedTransaction, Transaction

_SENDINGS = 2
_MADE = "made"
_PREFIX = "https://value.example/"


class Ledger:
    """What was acknowledged, outside the system and on the disk."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._lock = threading.Lock()
        self.entries: list[str] = []

    def write(self, entry: str) -> None:
        """Append and sync."""
        with self._lock:
            os.write(self._descriptor, entry.encode() + b"\n")
            os.fdatasync(self._descriptor)
            self.entries.append(entry)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class Clients:
    """Registrars and writers of one register, each in a thread, each at another node first."""

    def __init__(
        self,
        addresses: Sequence[str],
        *,
        genesis_hash: bytes,
        governor: tuple[str, PrivateKey],
        ledger: Path,
    ) -> None:
        self._addresses = list(addresses)
        self._genesis_hash = genesis_hash
        self._governor = governor
        self.ledger = Ledger(ledger)
        self.refused: list[str] = []
        """DIDs whose registration was refused for certain."""
        self.history: list[Event] = []
        self.register = ""
        """The DID whose versions are the register."""
        self._register_key = PrivateKey.from_seed(os.urandom(32))
        self._names = itertools.count(1)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []

    # --- Running ---------------------------------------------------------------------------------

    def begin(self) -> bool:
        """Make the register; return whether it was acknowledged."""
        registry = self.registry(0)
        began = time.monotonic()
        try:
            self.register, _ = create_did(
                registry,
                [InMemorySigner(self._register_key)],
                clock=SystemClock(),
                services=(_service(_MADE),),
                endorser=self.author(registry),
            )
        except RegistryUnavailableError:
            return False
        event = Event(0, "write", 0, _MADE, began, time.monotonic(), Result.OK)
        self.history.append(event)
        return True

    def start(self, *, registrars: int = 3, writers: int = 3) -> None:
        """Let so many of each work."""
        self._stop.clear()
        for number in range(registrars):
            self._run(partial(self._register_one, number))
        for number in range(writers):
            self._run(partial(self._write_one, number + 1))

    def stop(self) -> None:
        """Let all finish what they do; raise what one of them met that cannot be."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=300)
            assert not thread.is_alive(), "a client hangs"
        self._threads.clear()
        self._raise_what_was_met()

    def _raise_what_was_met(self) -> None:
        if self._errors:
            raise self._errors.pop()

    @property
    def acknowledged(self) -> int:
        """How many registrations were acknowledged until now."""
        self._raise_what_was_met()
        return len(self.ledger.entries)

    def registry(self, client: int) -> HttpRegistry:
        """Return a client's registry, which asks another node first than the others' do."""
        at = client % len(self._addresses)
        return HttpRegistry(
            *self._addresses[at:],
            *self._addresses[:at],
            genesis_hash=self._genesis_hash,
            transport=TRANSPORT,
            sleep=self._sleep,
        )

    def author(self, registry: HttpRegistry) -> Author:
        """Return the governor."""
        did, key = self._governor
        return Author(did, {"control-1": InMemorySigner(key)}, registry, SystemClock())

    def _sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _run(self, make: Callable[[], Callable[[], None]]) -> None:
        def work() -> None:
            try:
                once = make()
                while not self._stop.wait(0.1):
                    once()
            except BaseException as error:  # noqa: BLE001 - raised where the test looks
                self._errors.append(error)

        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    # --- The set ---------------------------------------------------------------------------------

    def _register_one(self, client: int) -> Callable[[], None]:
        registry = self.registry(client)

        def once() -> None:
            try:
                governor = self.author(registry)
                key = InMemorySigner(PrivateKey.from_seed(os.urandom(32)))
                did, _ = create_did(registry, [key], clock=SystemClock(), endorser=governor)
            except RegistryUnavailableError:
                return  # nobody was promised anything
            self.ledger.write(did)

        return once

    # --- The register ----------------------------------------------------------------------------

    def _write_one(self, client: int) -> Callable[[], None]:
        registry = self.registry(client)

        def once() -> None:
            try:
                began = time.monotonic()
                record = registry.did(self.register)
                if record is None:
                    return
                seen = record.version.number, value_of(record)
                self._note(Event(client, "read", *seen, began, time.monotonic(), Result.OK))
                sequence = registry.next_sequence(self.register)
            except RegistryUnavailableError:
                return
            value = f"{client}-{next(self._names)}"
            signed = self._signed(registry, record.version.number, sequence, value)
            began = time.monotonic()
            result = _submit(registry, signed)
            self._note(
                Event(
                    client, "write", record.version.number, value, began, time.monotonic(), result
                )
            )

        return once

    def _signed(
        self, registry: HttpRegistry, version: int, sequence: int, value: str
    ) -> SignedTransaction:
        transaction = Transaction(
            network=registry.network,
            author=self.register,
            author_keys=("control-1",),
            sequence=sequence,
            valid_until=SystemClock().now() + VALID_FOR,
            operations=(UpdateDid(self.register, version, services=(_service(value),)),),
            endorser=self._governor[0],
            endorser_keys=("control-1",),
        )
        return sign_transaction(
            transaction,
            {"control-1": InMemorySigner(self._register_key)},
            {"control-1": InMemorySigner(self._governor[1])},
        )

    def _note(self, event: Event) -> None:
        self.history.append(event)


def _submit(registry: HttpRegistry, signed: SignedTransaction) -> Result:
    for _ in range(_SENDINGS):
        try:
            registry.submit(signed)
        except TransactionRejectedError:
            return Result.FAILED
        except RegistryUnavailableError:
            continue
        return Result.OK
    return Result.UNKNOWN


def value_of(record: DidRecord) -> str:
    """Return what the register holds."""
    return record.services[0].endpoint.removeprefix(_PREFIX)


def _service(value: str) -> NewService:
    return NewService("value", "Value", _PREFIX + value)
