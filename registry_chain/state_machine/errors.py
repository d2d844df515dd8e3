"""What stops a transaction, and what stops a block."""

from __future__ import annotations

from typing import NoReturn

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


def refuse(code: ResultCode) -> NoReturn:
    """Refuse the transaction with a code."""
    raise InvalidTransactionError(code)


def require(condition: object, code: ResultCode) -> None:
    """Refuse the transaction with a code unless the condition is true."""
    if not condition:
        raise InvalidTransactionError(code)
