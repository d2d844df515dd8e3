"""People whose keys, roles and records a random history knows, and who sign for them.

Everything comes from one `random.Random` and from what `read` says of the state, so that a seed
always gives the same history. Signing goes to libsodium directly: a history is long.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from nacl import bindings

from tests.support.scripted_chain import NETWORK
from weid.did.syntax import weid_did
from weid.registry.operations import (
    CreateDid,
    DeactivateDid,
    GovernedAction,
    Inception,
    MarkKeyCompromised,
    Operation,
    RecoverDid,
    Role,
    RotateControllers,
)
from weid.registry.records import AccountRecord, DidRecord, RegisteredKey, RoleRecord
from weid.registry.transaction import (
    SignedTransaction,
    Transaction,
    next_keys_commitment,
    possession_message,
    signing_message,
)
from weid.registry.wire import encode_payload, encode_signed

Read = Callable[[type[Any], bytes], Any]
"""Kind and id of a record → the record as it is committed, or None."""

_CHANGING: Final = frozenset({CreateDid, RotateControllers, RecoverDid, DeactivateDid})
"""Who does one of these is left alone for the rest of the block, for the most part."""
PEOPLE: Final = 40
"""People who act at a time; who is pushed out by another is still talked about."""


@dataclass(slots=True)
class Member:
    """A DID in the making: its inception, and the commitments that it may have made."""

    did: str
    inception: Inception
    committed: dict[bytes, tuple[tuple[bytes, ...], int]] = field(default_factory=dict)


class RandomWorld:
    """Who there is, what they know of the state, and their signatures."""

    def __init__(
        self, pick: random.Random, read: Read, kinds: Container[type] | None = None
    ) -> None:
        self.random = pick
        self.read = read
        self.governed = tuple(
            kind for kind in get_args(GovernedAction) if kinds is None or kind in kinds
        )
        self.now = 0
        self.members: list[Member] = []
        self.governing: list[Member] = []
        self.endorsing: list[Member] = []
        self.proposals: list[bytes] = [bytes(32)]
        self.sent: list[bytes] = [b""]
        self.voting: list[bytes] = []
        self.nodes: list[bytes] = []
        self.changed: set[str] = set()
        self._ahead: dict[str, int] = {}
        self._secrets: dict[bytes, bytes] = {}
        self._named = 0

    def chance(self, of: float) -> bool:
        return self.random.random() < of

    # --- People and keys -------------------------------------------------------------------------

    def key(self) -> bytes:
        """Make a key and return its public part."""
        self._named += 1
        seed = hashlib.sha256(f"random key {self._named}".encode()).digest()
        public, secret = bindings.crypto_sign_seed_keypair(seed)
        self._secrets[public] = secret
        return public

    def keys(self, most: int) -> tuple[bytes, ...]:
        return tuple(sorted(self.key() for _ in range(self.random.randrange(1, most + 1))))

    def commitment(self, committed: dict[bytes, tuple[tuple[bytes, ...], int]]) -> bytes:
        """Make the next controllers, usually none, and return what commits to them."""
        if not self.chance(0.3):
            return b""
        keys = self.keys(2)
        commitment = next_keys_commitment(keys, len(keys))
        committed[commitment] = (keys, len(keys))
        return commitment

    def newborn(self, *, plain: bool = False) -> Member:
        """Return somebody who is not registered yet."""
        keys = self.keys(1 if plain else 3)
        committed: dict[bytes, tuple[tuple[bytes, ...], int]] = {}
        self._named += 1
        inception = Inception(
            NETWORK,
            keys,
            self.random.randrange(1, len(keys) + 1),
            b"" if plain else self.commitment(committed),
            () if self.chance(0.2) else tuple(self.key() for _ in range(2)),
            hashlib.sha256(f"salt {self._named}".encode()).digest()[:16],
        )
        return Member(weid_did(inception), inception, committed)

    def somebody(self) -> Member:
        return self.random.choice(self.members)

    def record(self, member: Member) -> DidRecord | None:
        found: DidRecord | None = self.read(DidRecord, member.did.encode())
        return found

    def _over(self, member: Member) -> bool:
        record = self.record(member)
        if record is None:
            return False
        lost = not self.controlled(record) and not record.recovery_keys
        return lost or record.deactivated_at is not None

    def choose(self, among: Sequence[Member]) -> Member:
        """Return one of them, seldom one whose keys are changing in this block."""
        chosen = self.random.choice(among)
        while chosen.did in self.changed and self.chance(0.95):
            chosen = self.random.choice(among)
        return chosen

    def begin_block(self, time: int) -> None:
        """Look around before a block: who has which role now, and who comes and goes."""
        self.now = time
        self._ahead.clear()
        self.changed.clear()
        if self.chance(0.5) or len(self.members) < PEOPLE // 2:
            self.members.append(self.newborn())
        # Who is at an end, or can never act again, is met for a little longer.
        self.members = [one for one in self.members if self.chance(0.8) or not self._over(one)]
        while len(self.members) > PEOPLE:
            self.members.pop(self.random.randrange(len(self.members)))
        known = {member.did: member for member in (*self.members, *self.governing)}
        roles = {did: self.read(RoleRecord, did.encode()) for did in known}
        held = {did: record.roles if record else () for did, record in roles.items()}
        able = [known[did] for did in known if held[did] and not self._over(known[did])]
        self.governing = [one for one in able if Role.GOVERNOR in held[one.did]]
        self.endorsing = [one for one in able if {Role.GOVERNOR, Role.REGISTRAR} & {*held[one.did]}]
        self.idle = [known[did] for did in known if not held[did]]

    def made(self, proposals: Sequence[bytes]) -> None:
        """Take note of proposals that were made; only the last ones are thought of."""
        self.proposals = [*self.proposals, *proposals][-15:]

    # --- Signing ---------------------------------------------------------------------------------

    def prove(self, did: str, multikey: bytes) -> bytes:
        return self.sign(multikey[2:], possession_message(did, multikey))

    def sign(self, public: bytes, message: bytes) -> bytes:
        secret = self._secrets.get(public)
        return bytes(64) if secret is None else bindings.crypto_sign(message, secret)[:64]

    def author_keys(
        self, member: Member, record: DidRecord | None, first: Operation
    ) -> list[tuple[str, bytes]]:
        """Return ids and raw keys with which somebody signs, as the first operation asks."""
        if record is None or isinstance(first, CreateDid):
            return _numbered("control", member.inception.controllers)
        if isinstance(first, RotateControllers) and record.next_keys and not self.chance(0.1):
            return _numbered("next", first.controllers)
        by_recovery = isinstance(first, RecoverDid) or (
            isinstance(first, MarkKeyCompromised) and self.chance(0.5)
        )
        if by_recovery and record.recovery_keys:
            return _numbered("recovery", record.recovery_keys)[:1]
        if self.chance(0.03):
            some = self.random.choice(record.keys)
            return [(some.id, some.multikey[2:])]
        held = self.controlled(record)
        enough = record.threshold - (record.threshold > 1 and self.chance(0.05))
        return held[:enough] or [("control-1", member.inception.controllers[0])]

    def controlled(self, record: DidRecord) -> list[tuple[str, bytes]]:
        """Return ids and raw keys of the controllers in force."""
        return [(key.id, key.multikey[2:]) for key in record.keys if _controls(record, key)]

    def took_back(self, member: Member) -> None:
        """Take note that a transaction of this block was spoilt and burns no sequence number."""
        self._ahead[member.did] -= 1

    def next_sequence(self, did: str) -> int:
        """Return the author's next sequence number, those of this block included."""
        account: AccountRecord | None = self.read(AccountRecord, did.encode())
        ahead = self._ahead.get(did, 0)
        self._ahead[did] = ahead + 1
        return (0 if account is None else account.next_sequence) + ahead

    def signed(
        self,
        member: Member,
        operations: Sequence[Operation],
        endorser: Member | None,
        **changes: Any,
    ) -> bytes:
        """Return a transaction's bytes; `changes` are members of it that are to be otherwise."""
        record = self.record(member)
        keys = self.author_keys(member, record, operations[0])
        endorsing: list[tuple[str, bytes]] = []
        if endorser is not None:
            found = self.record(endorser)
            endorsing = [] if found is None else self.controlled(found)
            endorsing = endorsing[:1] or [("control-1", endorser.inception.controllers[0])]
        if not _CHANGING.isdisjoint(map(type, operations)):
            self.changed.add(member.did)
        members: dict[str, Any] = {
            "network": NETWORK,
            "author": member.did,
            "author_keys": tuple(name for name, _ in keys),
            "sequence": self.next_sequence(member.did),
            "valid_until": self.now + self.random.randrange(5, 700),
            "operations": tuple(operations),
            "endorser": None if endorser is None else endorser.did,
            "endorser_keys": tuple(name for name, _ in endorsing),
        }
        payload = encode_payload(Transaction(**{**members, **changes}))
        message = signing_message(payload)
        return encode_signed(
            SignedTransaction(
                payload,
                tuple(self.sign(raw, message) for _, raw in keys),
                tuple(self.sign(raw, message) for _, raw in endorsing),
            )
        )


def _numbered(word: str, keys: Sequence[bytes]) -> list[tuple[str, bytes]]:
    return [(f"{word}-{number}", raw) for number, raw in enumerate(keys, 1)]


def _controls(record: DidRecord, key: RegisteredKey) -> bool:
    in_force = key.retired_at is None and key.compromised_since is None
    return in_force and key.multikey[2:] in record.controllers


Maker = Callable[[RandomWorld, Member, DidRecord | None], Any]
"""World, author and the author's record → an operation."""
