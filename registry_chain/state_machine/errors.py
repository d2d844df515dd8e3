"""What stops a transaction, and what stops a block."""

from __future__ import annotations

from typing import NoReturn

from weid.errors import WeidError
from weid.registry.codes import ResultCode


class InvalidTransactionError(Exception):
    """A transaction cannot be carried out; `code` is consensus and says why.

    It never leaves the state machine: the outcome of the block holds it as a result.
    """

    def __init__(self, code: ResultCode) -> None:
        super().__init__(code.name)
        self.code = code


class InvalidBlockError(Exception):
    """A block cannot follow on this state: its height or time is wrong. Nothing was computed."""


class StateDamagedError(WeidError):
    """A record of the state cannot be read: its bytes are not what was written.

    Nothing of the block was applied. `key` is the record's place in the state tree.
    """

    def __init__(self, key: bytes) -> None:
        super().__init__(
            f"table records, key {key.hex()}: the bytes of the record are not what was written",
            hint="stop this node; restore a backup, or build the store again by replaying blocks",
        )
        self.key = key


class RulesUnknownError(WeidError):
    """Governance put a version of the rules in force that this software does not have.

    Nothing of the block was applied: a node that guessed would have another state than the rest.
    """

    def __init__(self, version: int, height: int) -> None:
        super().__init__(
            f"from height {height} on version {version} of the rules judges the blocks, and this "
            "software does not have it",
            hint="upgrade the software of this node and start it again; nothing is lost.",
        )
        self.version = version
        self.height = height


def refuse(code: ResultCode) -> NoReturn:
    """Refuse the transaction with a code."""
    raise InvalidTransactionError(code)


def require(condition: object, code: ResultCode) -> None:
    """Refuse the transaction with a code unless the condition is true."""
    if not condition:
        raise InvalidTransactionError(code)
