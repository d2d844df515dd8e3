"""Which chain CometBFT's genesis begins: the member `app_state` of it (clauses NT-05, CN-29)."""

from __future__ import annotations

from typing import Final

from registry_chain.state_machine.genesis import Genesis
from registry_chain.storage.committed import SnapshotState
from registry_chain.storage.errors import StoreRefusedError
from registry_chain.storage.sealed_block import read_block
from registry_chain.storage.store import ChainStore
from weid.encoding import JsonObject, json_loads_object
from weid.errors import MalformedError

_MOST_BYTES: Final = 4096
_WHAT: Final = "the app_state of CometBFT's genesis"
_HINT: Final = "bring back the comet/config/genesis.json of this node's network"


def app_state(
    genesis: Genesis, *, last_header_hash: bytes | None = None, app_hash: bytes | None = None
) -> JsonObject:
    """Return the member for a chain; that of one that moves names its last header and state."""
    state: JsonObject = {"genesis_hash": genesis.genesis_hash.hex()}
    if last_header_hash is not None and app_hash is not None:
        state["last_header_hash"] = last_header_hash.hex()
        state["app_hash"] = app_hash.hex()
    return state


def require_app_state(
    data: bytes, store: ChainStore, genesis: Genesis, *, initial_height: int
) -> None:
    """Require that the member is of the chain in the store, which ends before `initial_height`.

    Raises:
        StoreRefusedError: it is of another chain, or none can be read.
        StoreDamagedError: the store's last block cannot be read.
    """
    expected = app_state(genesis)
    if initial_height > genesis.initial_height:
        with store.snapshot() as snapshot:
            last = read_block(snapshot, initial_height - 1, with_transactions=False)
            state = SnapshotState(snapshot).summary
        if last is None:
            raise StoreRefusedError(f"the store has no block {initial_height - 1} to go on from")
        expected = app_state(genesis, last_header_hash=last.header.hash(), app_hash=state.app_hash)
    try:
        given = json_loads_object(data, what=_WHAT, max_bytes=_MOST_BYTES)
    except MalformedError as error:
        raise StoreRefusedError(error.message, hint=_HINT) from None
    for name in [*expected, *(given.keys() - expected.keys())]:
        if given.get(name) != expected.get(name):
            raise StoreRefusedError(
                f"{_WHAT} is of another chain: its {name} is {_shown(given.get(name))}, the "
                f"store's is {_shown(expected.get(name))}",
                hint=_HINT,
            )


def _shown(value: object) -> str:
    return "missing" if value is None else str(value)[:64]
