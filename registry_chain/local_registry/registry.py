"""LocalRegistry: the real thing, small, with everybody's trust in this one process.

The same state machine, blocks and proofs as a node's. One governor and one sealing key live here,
so what a network would decide together this program decides alone.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final, Self

from registry_chain.application import RegistryApplication
from registry_chain.engines.embedded.inline import InlineEngine
from registry_chain.engines.embedded.node_key import create_node_key, load_node_key
from registry_chain.local_registry.governor import LocalGovernor
from registry_chain.local_registry.status_tokens import FileTokens, MemoryTokens
from registry_chain.reader import CommittedReader, RecordReader
from registry_chain.state_machine.genesis import Genesis, GenesisGovernor, GenesisValidator
from registry_chain.state_machine.parameters import ALLOW_LOOPBACK_HTTP, OPEN_DID_CREATION
from registry_chain.state_machine.permissions import OPEN_OPERATIONS
from registry_chain.storage.memory import MemoryChainStore
from registry_chain.storage.sqlite import SqliteChainStore
from registry_chain.storage.store import ChainStore
from weid.clock import Clock, SystemClock
from weid.crypto.keys import PrivateKey, RandomBytes
from weid.crypto.signer import InMemorySigner
from weid.errors import MalformedError
from weid.registry.author import Author
from weid.registry.operations import Inception, NameOrganisation, Role
from weid.registry.records import Head, Receipt
from weid.registry.transaction import SignedTransaction
from weid.registry.wire import decode_payload

_SALT_BYTES: Final = 16
_FOLDER: Final = "chain"
_SEALING_KEY: Final = "sealing.key"
_GOVERNOR_KEY: Final = "governor.key"
_TOKENS: Final = "status-tokens"


class LocalRegistry(RecordReader):
    """A whole registry in this process (`weid.registry.registry.Registry`, and status tokens).

    In memory, or kept in the folder `path`: the chain, and the two private keys in files that only
    their owner may read. `clock` and `random` are for tests.

    **It lets everybody in.** DID creation is open, and an author without a role who submits what
    needs one is given it by the governor on the spot; `endorser` co-signs whatever you let it.
    Recognition of issuers stays with `governor`. So this is for one program's own world; for
    parties who do not trust each other there are nodes.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        network: str = "local",
        clock: Clock | None = None,
        random: RandomBytes = secrets.token_bytes,
    ) -> None:
        self._clock: Clock = SystemClock() if clock is None else clock
        folder = None if path is None else Path(path)
        store: ChainStore = MemoryChainStore() if folder is None else _open_store(folder)
        try:
            sealing = _key(folder, _SEALING_KEY, random)
            governing = _key(folder, _GOVERNOR_KEY, random)
            application = RegistryApplication(store)
            if not application.begun:
                application.init_chain(
                    _genesis(network, sealing, governing, self._clock.now(), random)
                )
            self.engine = InlineEngine(application, InMemorySigner(sealing), clock=self._clock)
        except BaseException:
            store.close()
            raise
        super().__init__(store)
        self._tokens = MemoryTokens() if folder is None else FileTokens(folder / _TOKENS)
        governor = application.genesis.governors[0].did
        self.endorser = Author(
            governor, {"control-1": InMemorySigner(governing)}, self, self._clock
        )
        """The governor as an author: pass it as `endorser` to other authors."""
        self.governor = LocalGovernor(self.endorser, self._clock)

    @property
    def committed(self) -> CommittedReader:
        """The same registry as a source of proofs, as a node has it."""
        return self._committed

    def head(self) -> Head:
        """Return the newest head; a new block is sealed first when the last one is old."""
        self.engine.keep_fresh()
        return self.engine.head()

    def submit(self, transaction: SignedTransaction) -> Receipt:
        """Submit a transaction and return its receipt once it is durable.

        Raises:
            TransactionRejectedError: refused, with the result code.
            RegistryUnavailableError: the registry is closed or its disk full.
        """
        self._let_in(transaction)
        return self.engine.submit(transaction).result()

    def put_status_token(self, uri: str, token: str) -> None:
        """Serve this status list token at its URI from now on."""
        self._tokens.put(uri, token)

    def status_token(self, uri: str) -> str | None:
        """Return the status list token of a URI, or None where there is none."""
        return self._tokens.get(uri)

    def close(self) -> None:
        """Close the registry; what was submitted stays in its folder."""
        self.engine.close()

    def __enter__(self) -> Self:
        """Return itself, to be closed at the end of a `with` block."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _let_in(self, transaction: SignedTransaction) -> None:
        """Give an author without role or endorser the role that its operations need."""
        try:
            asked = decode_payload(transaction.payload)
        except MalformedError:
            return  # the engine says what is wrong with it
        kinds = {type(operation) for operation in asked.operations}
        if asked.endorser is not None or kinds <= OPEN_OPERATIONS or self.did(asked.author) is None:
            return
        held = self.roles(asked.author)
        roles = () if held is None else held.roles
        needed = Role.REGISTRAR if NameOrganisation in kinds else Role.ISSUER
        if Role.GOVERNOR not in roles and needed not in roles:
            self.governor.grant(asked.author, needed)


def _open_store(folder: Path) -> SqliteChainStore:
    return SqliteChainStore(folder / _FOLDER)


def _key(folder: Path | None, name: str, random: RandomBytes) -> PrivateKey:
    if folder is None:
        return PrivateKey.generate(random=random)
    path = folder / name
    return load_node_key(path) if path.exists() else create_node_key(path, random=random)


def _genesis(
    network: str, sealing: PrivateKey, governing: PrivateKey, now: int, random: RandomBytes
) -> Genesis:
    inception = Inception(
        network=network,
        controllers=(governing.public.raw,),
        threshold=1,
        next_keys=b"",
        recovery_keys=(),
        salt=random(_SALT_BYTES),
    )
    return Genesis(
        network=network,
        chain_id=f"weid-{network[:16]}-{random(8).hex()}",
        genesis_time=now,
        governors=(GenesisGovernor(inception, "Governor of this registry"),),
        validators=(GenesisValidator(sealing.public.raw, 1),),
        parameters={OPEN_DID_CREATION: 1, ALLOW_LOOPBACK_HTTP: 1},
    )
