"""The model's records, and what a rule may ask of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

from registry_chain.state_machine.parameters import PARAMETERS
from tests.support.model.commitments import app_hash, sha256, tree_root
from weid.registry.codes import ResultCode
from weid.registry.operations import Role
from weid.registry.records import (
    CounterRecord,
    DidRecord,
    IndexRecord,
    ParameterRecord,
    Record,
    RegisteredKey,
    RoleRecord,
    Version,
)
from weid.registry.state_keys import list_of, record_id, record_key
from weid.registry.wire import encode_record

_R = TypeVar("_R", bound=Record)


class RefusedError(Exception):
    """A transaction is refused, for the reason that `code` says."""

    def __init__(self, code: ResultCode) -> None:
        super().__init__(code.name)
        self.code = code


def refuse(code: ResultCode) -> NoReturn:
    raise RefusedError(code)


def need(condition: object, code: ResultCode) -> None:
    if not condition:
        refuse(code)


@dataclass(frozen=True)
class Acting:
    """Who asks, proved by which keys, at which place of which transaction."""

    author: str
    signers: frozenset[bytes]
    endorsed: bool
    transaction_id: bytes
    position: int
    governance: bool = False


@dataclass
class Ledger:
    """Every record by kind and id, the log's leaves, and the block in work."""

    records: dict[tuple[type[Any], bytes], Any] = field(default_factory=dict)
    leaves: list[bytes] = field(default_factory=list)
    height: int = 0
    time: int = 0
    network: str = ""

    def get(self, kind: type[_R], identity: bytes | str) -> _R | None:
        key = identity.encode() if isinstance(identity, str) else identity
        found: _R | None = self.records.get((kind, key))
        return found

    def put(self, record: Record) -> None:
        self.records[type(record), record_id(record)] = record

    def version(self, kind: type[Any], identity: bytes | str) -> Version:
        """Return the version of a record that is written now."""
        present: Any = self.get(kind, identity)
        if present is None:
            return Version(1, self.height, self.time)
        before = sha256(encode_record(present))
        return Version(present.version.number + 1, self.height, self.time, before)

    def parameter(self, name: str) -> int:
        record = self.get(ParameterRecord, name)
        return PARAMETERS[name].default if record is None else record.value

    def counter(self, name: str, period: int = 0) -> int:
        record = self.get(CounterRecord, name)
        return 0 if record is None or record.period != period else record.value

    def count(self, name: str, by: int = 1, period: int = 0) -> None:
        self.put(CounterRecord(name, period, self.counter(name, period) + by))

    def roles(self, did: str) -> tuple[Role, ...]:
        record = self.get(RoleRecord, did)
        return () if record is None else record.roles

    def active_did(self, did: str) -> DidRecord:
        record = self.get(DidRecord, did)
        if record is None:
            refuse(ResultCode.DID_UNKNOWN)
        need(record.deactivated_at is None, ResultCode.DID_DEACTIVATED)
        return record

    # --- Commitments -----------------------------------------------------------------------------

    def write_lists(self) -> None:
        """Write the index record of every list from all its records."""
        lists: dict[str, dict[bytes, bytes]] = {}
        for record in list(self.records.values()):
            name = list_of(record)
            if name is not None:
                lists.setdefault(name, {})[record_key(record)] = encode_record(record)
        for name, members in lists.items():
            self.put(IndexRecord(name, len(members), tree_root(members)))

    def encoded(self) -> dict[bytes, bytes]:
        """Return the bytes of every record by its state key."""
        return {record_key(record): encode_record(record) for record in self.records.values()}

    @property
    def app_hash(self) -> bytes:
        return app_hash(tree_root(self.encoded()), self.leaves)


def in_force(key: RegisteredKey) -> bool:
    return key.retired_at is None and key.compromised_since is None


def signing_key(key: RegisteredKey) -> bytes | None:
    """Return the raw key of an entry that may sign transactions while it is in force."""
    fits = key.multikey[:2] == b"\xed\x01" and "authentication" in key.purposes
    return key.multikey[2:] if fits else None
