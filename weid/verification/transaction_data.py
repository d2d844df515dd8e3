"""Transaction data: what a person agrees to beside showing claims (OpenID4VP sections 5.1, B.3.3).

The verifier sends each as base64url of a JSON object; the holder's key binding carries the hash of
that very text. The hash says that the wallet showed it and the person agreed.
Clauses PP-50 … PP-53 of specs/presentation-profile.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from weid.credential.key_binding import KeyBinding
from weid.encoding import (
    JsonObject,
    JsonValue,
    base64url_decode,
    base64url_encode,
    json_dumps,
    json_loads_object,
)
from weid.errors import MalformedError

MAX_ENTRIES: Final = 8
MAX_BYTES: Final = 16 * 1024
"""One entry as text: what a person can read."""
HASHES: Final = "transaction_data_hashes"
ALGORITHM: Final = "transaction_data_hashes_alg"
DEFAULT_ALGORITHM: Final = "sha-256"
_FUNCTIONS: Final = {
    "sha-256": hashlib.sha256,
    "sha-384": hashlib.sha384,
    "sha-512": hashlib.sha512,
}
_WHAT: Final = "transaction_data"


@dataclass(frozen=True, slots=True)
class TransactionData:
    """One transaction: `text` as it travels, and what it says.

    `credential_ids` are the queries of which one answer is to carry the hash; `algorithms` the
    hash functions that may be used, None where the request does not say (then SHA-256).
    """

    text: str
    type: str
    credential_ids: tuple[str, ...]
    algorithms: tuple[str, ...] | None
    members: JsonObject = field(repr=False, hash=False)

    @classmethod
    def create(
        cls, kind: str, credential_ids: Iterable[str], members: JsonObject
    ) -> TransactionData:
        """Return transaction data of a type for the credential queries of these ids."""
        value: JsonObject = {"type": kind, "credential_ids": list(credential_ids), **members}
        return cls.parse(base64url_encode(json_dumps(value)))

    @classmethod
    def parse(cls, text: str) -> TransactionData:
        """Read one entry of `transaction_data`.

        Raises:
            MalformedError: with what is wrong.
        """
        if len(text) > MAX_BYTES:
            raise MalformedError(f"an entry of {_WHAT} is larger than {MAX_BYTES} bytes")
        members = json_loads_object(base64url_decode(text, what=_WHAT), what=_WHAT)
        kind = members.get("type")
        if not isinstance(kind, str) or not kind:
            raise MalformedError(f"an entry of {_WHAT} has no type")
        algorithms = _texts(members, ALGORITHM) if ALGORITHM in members else None
        if algorithms is not None and not set(algorithms) & set(_FUNCTIONS):
            raise MalformedError(f"an entry of {_WHAT} has no hash function that we take")
        return cls(text, kind, _texts(members, "credential_ids"), algorithms, members)

    def hash(self, algorithm: str) -> str:
        """Return base64url of the hash of the text as it travels."""
        return base64url_encode(_FUNCTIONS[algorithm](self.text.encode("ascii")).digest())


@dataclass(frozen=True, slots=True)
class AgreedTransaction:
    """One transaction whose hash a key binding carries, in the answer to the query `query_id`."""

    entry: TransactionData
    query_id: str
    algorithm: str

    def to_json(self) -> JsonObject:
        """Return what was bound, without what the transaction says."""
        return {
            "type": self.entry.type,
            "agreed_by": self.query_id,
            "hash": self.entry.hash(self.algorithm),
            "hash_algorithm": self.algorithm,
        }


def parse_transaction_data(value: JsonValue) -> tuple[TransactionData, ...]:
    """Read the `transaction_data` member of a request.

    Raises:
        MalformedError: with what is wrong.
    """
    if not isinstance(value, list) or not 0 < len(value) <= MAX_ENTRIES:
        raise MalformedError(f"{_WHAT} does not hold 1 to {MAX_ENTRIES} entries")
    entries: list[TransactionData] = []
    for item in value:
        if not isinstance(item, str):
            raise MalformedError(f"an entry of {_WHAT} is not text")
        entries.append(TransactionData.parse(item))
    return tuple(entries)


def binding_claims(entries: Sequence[TransactionData]) -> JsonObject:
    """Return the claims by which a key binding agrees to transactions; none for none.

    Raises:
        MalformedError: no hash function that all of them take.
    """
    if not entries:
        return {}
    common = [
        name
        for name in _FUNCTIONS
        if all(name in (entry.algorithms or (DEFAULT_ALGORITHM,)) for entry in entries)
    ]
    if not common:
        raise MalformedError(f"the entries of {_WHAT} have no hash function in common")
    claims: JsonObject = {HASHES: [entry.hash(common[0]) for entry in entries]}
    if any(entry.algorithms is not None for entry in entries):
        claims[ALGORITHM] = common[0]
    return claims


def agreed_in(
    binding: KeyBinding, entries: Sequence[TransactionData], query_id: str
) -> tuple[AgreedTransaction, ...] | None:
    """Return the transactions that a key binding agrees to.

    None where it carries a hash of anything else, of an entry that the answered query is not
    named in, or with a function that was not asked for.
    """
    claims = binding.claims
    if HASHES not in claims:
        return ()
    try:
        hashes = _texts(claims, HASHES)
    except MalformedError:
        return None
    algorithm = claims.get(ALGORITHM, DEFAULT_ALGORITHM)
    if not isinstance(algorithm, str) or algorithm not in _FUNCTIONS:
        return None
    known = {
        entry.hash(algorithm): AgreedTransaction(entry, query_id, algorithm)
        for entry in entries
        if query_id in entry.credential_ids and _may_use(entry, algorithm, claims)
    }
    if any(one not in known for one in hashes) or len(set(hashes)) != len(hashes):
        return None
    return tuple(known[one] for one in hashes)


def _may_use(entry: TransactionData, algorithm: str, claims: JsonObject) -> bool:
    if entry.algorithms is None:
        return algorithm == DEFAULT_ALGORITHM
    # It must be named where the request named some (B.3.3.1).
    return algorithm in entry.algorithms and ALGORITHM in claims


def _texts(members: JsonObject, name: str) -> tuple[str, ...]:
    value = members.get(name)
    if not isinstance(value, list) or not 0 < len(value) <= 16:
        raise MalformedError(f"{name} of {_WHAT} is not an array of 1 to 16 texts")
    texts = tuple(item for item in value if isinstance(item, str) and item)
    if len(texts) != len(value):
        raise MalformedError(f"{name} of {_WHAT} is not an array of texts")
    return texts
