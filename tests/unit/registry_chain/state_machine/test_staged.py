"""The staged state over records that a disk has changed."""

from __future__ import annotations

import contextlib

import pytest

from registry_chain.state_machine.errors import StateDamagedError
from registry_chain.state_machine.staged import StagedState
from registry_chain.state_machine.state import EmptyState
from tests.support.clauses import clause
from weid.registry.records import AccountRecord
from weid.registry.state_keys import record_key
from weid.registry.wire import encode_record

RECORD = AccountRecord("did:weid:test:" + "1" * 28, 7)


class Damaged(EmptyState):
    """A state with one record, of these bytes."""

    def __init__(self, raw: bytes) -> None:
        super().__init__("test", height=1, time=1)
        self.raw = raw

    def get(self, state_key: bytes) -> bytes | None:
        return self.raw if state_key == record_key(RECORD) else None


def read(raw: bytes) -> AccountRecord | None:
    staged = StagedState(Damaged(raw), height=2, time=2)
    return staged.read(AccountRecord, RECORD.did.encode())


@clause("B12")
@pytest.mark.parametrize("at", range(len(encode_record(RECORD))))
def test_whatever_byte_of_a_record_changes_it_is_read_or_said_to_be_damaged(at: int) -> None:
    raw = encode_record(RECORD)
    assert read(raw) == RECORD
    for bit in range(8):
        changed = bytearray(raw)
        changed[at] ^= 1 << bit
        with contextlib.suppress(StateDamagedError):
            # The version of the format (byte 1) is not looked at again: the tree's hash knows.
            assert read(bytes(changed)) != RECORD or at == 1
    with pytest.raises(StateDamagedError, match=f"table records, key {record_key(RECORD).hex()}"):
        read(raw[:at])
