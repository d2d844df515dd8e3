"""The file of a trust bundle: answers of one state, as a node would give them (clauses TB-…).

One JSON object. It holds no signature of its own: what makes it authentic is the commit of its
newest header, which the light client verifies, and the proofs that lead to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from weid import limits
from weid.encoding import (
    JsonObject,
    JsonValue,
    base64url_decode,
    base64url_encode,
    json_dumps,
    json_loads_object,
)
from weid.errors import MalformedError, RegistryUnavailableError
from weid.registry.answers import (
    ConsistencyAnswer,
    Fields,
    HistoryAnswer,
    ListAnswer,
    ReceiptAnswer,
    RecordAnswer,
)
from weid.registry.light_block import LightBlock
from weid.registry.list_proofs import FIRST_KEY
from weid.registry.pinned_genesis import GENESIS_BYTES

FORMAT: Final = "weid-trust-bundle/1"
BUNDLE_BYTES: Final = 128 * 1024 * 1024
"""Largest bundle: some ten thousand issuers with all their proofs."""
_ITEMS: Final = 1_000_000
_BLOCKS: Final = 4_096
_NEWER: Final = "get a newer bundle that covers it, or go online"


@dataclass(frozen=True, slots=True)
class BundleFile:
    """What a bundle holds; it is itself a `ProofSource`, which answers from this and no more.

    `blocks` rise in height; the last is the head that everything else is proved against, those
    before it lead from the genesis to it where the validators changed. `records` are by namespace
    and id, `lists` by id and first key, `versions` and `contents` by SHA-256.
    """

    genesis_bytes: bytes
    blocks: tuple[LightBlock, ...]
    records: Mapping[tuple[str, bytes], RecordAnswer] = field(default_factory=dict)
    lists: Mapping[tuple[str, bytes], ListAnswer] = field(default_factory=dict)
    versions: Mapping[bytes, bytes] = field(default_factory=dict)
    contents: Mapping[bytes, bytes] = field(default_factory=dict)
    status_tokens: Mapping[str, str] = field(default_factory=dict)

    # --- ProofSource -----------------------------------------------------------------------------

    def genesis(self) -> bytes:
        """Return the canonical genesis bytes."""
        return self.genesis_bytes

    def light_block(self, height: int | None) -> LightBlock:
        """Return the head, or one of the blocks that lead to it."""
        if height is None:
            return self.blocks[-1]
        for block in self.blocks:
            if block.header.height == height:
                return block
        raise RegistryUnavailableError(f"the bundle does not have the header at height {height}")

    def record(self, namespace: str, record_id: bytes) -> RecordAnswer:
        """Return a record that the bundle holds."""
        answer = self.records.get((namespace, record_id))
        if answer is None:
            raise RegistryUnavailableError(
                f"the trust bundle does not cover this {namespace} record", hint=_NEWER
            )
        return answer

    def list_page(self, list_id: str, start: bytes) -> ListAnswer:
        """Return a page of a list that the bundle holds."""
        answer = self.lists.get((list_id, start))
        if answer is None:
            raise RegistryUnavailableError(
                f"the trust bundle does not cover the list {list_id}", hint=_NEWER
            )
        return answer

    def history(self, digest: bytes) -> HistoryAnswer:
        """Return a former version that the bundle holds."""
        version = self.versions.get(digest)
        if version is None:
            raise RegistryUnavailableError(
                "the trust bundle does not have that former version", hint=_NEWER
            )
        return HistoryAnswer((version,))

    def content(self, digest: bytes) -> bytes | None:
        """Return a template document that the bundle holds."""
        return self.contents.get(digest)

    def receipt(self, transaction_id: bytes) -> ReceiptAnswer | None:
        """Raise: a bundle has no receipts, and must not seem to say that there is none."""
        del transaction_id
        raise RegistryUnavailableError("a trust bundle has no receipts", hint="go online")

    def consistency(self, first: int) -> ConsistencyAnswer:
        """Raise: a bundle has no log."""
        raise RegistryUnavailableError(
            f"a trust bundle cannot show how the log grew from {first}", hint="go online"
        )

    # --- Bytes -----------------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """Return the file; the same content always gives the same bytes (TB-01)."""
        records: list[JsonValue] = [
            [namespace, base64url_encode(record_id), answer.to_json()]
            for (namespace, record_id), answer in sorted(self.records.items())
        ]
        lists: list[JsonValue] = [
            [list_id, base64url_encode(start), answer.to_json()]
            for (list_id, start), answer in sorted(self.lists.items())
        ]
        body: JsonObject = {
            "format": FORMAT,
            "genesis": base64url_encode(self.genesis_bytes),
            "blocks": [block.to_json() for block in self.blocks],
            "records": records,
            "lists": lists,
            "versions": [base64url_encode(value) for _, value in sorted(self.versions.items())],
            "contents": [base64url_encode(value) for _, value in sorted(self.contents.items())],
            "status_tokens": {uri: self.status_tokens[uri] for uri in sorted(self.status_tokens)},
        }
        return json_dumps(body) + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> BundleFile:
        """Read a bundle's form; nothing in it is believed yet.

        Raises:
            MalformedError: not a bundle, or damaged.
        """
        what = "the trust bundle"
        body = json_loads_object(data.strip(), what=what, max_bytes=BUNDLE_BYTES)
        fields = Fields(body, what)
        if fields.text("format") != FORMAT:
            raise MalformedError(f"{what} has a format that this version does not know")
        blocks = tuple(LightBlock.from_json(item) for item in fields.items("blocks", most=_BLOCKS))
        heights = [block.header.height for block in blocks]
        if not blocks or heights != sorted(set(heights)):
            raise MalformedError(f"{what} has no blocks that rise in height")
        return cls(
            genesis_bytes=fields.octets("genesis", max_bytes=GENESIS_BYTES),
            blocks=blocks,
            records={
                (name, key): RecordAnswer.from_json(answer)
                for name, key, answer in _triples(fields, "records")
            },
            lists={
                (name, key or FIRST_KEY): ListAnswer.from_json(answer)
                for name, key, answer in _triples(fields, "lists")
            },
            versions=_by_digest(fields, "versions", limits.RECORD_BYTES),
            contents=_by_digest(fields, "contents", limits.TEMPLATE_BYTES),
            status_tokens=_tokens(fields.member("status_tokens")),
        )


def _triples(fields: Fields, name: str) -> list[tuple[str, bytes, JsonValue]]:
    found = []
    for item in fields.items(name, most=_ITEMS):
        match item:
            case [str(text), str(key), answer]:
                found.append((text, base64url_decode(key, what=f"a key of {name}"), answer))
            case _:
                raise MalformedError(f"the trust bundle has an entry of {name} of another form")
    return found


def _by_digest(fields: Fields, name: str, max_bytes: int) -> dict[bytes, bytes]:
    found = {}
    for item in fields.items(name, most=_ITEMS):
        if not isinstance(item, str) or len(item) > max_bytes * 4 // 3 + 4:
            raise MalformedError(f"the trust bundle has an entry of {name} of another form")
        value = base64url_decode(item, what=f"an entry of {name}")
        found[hashlib.sha256(value).digest()] = value
    return found


def _tokens(value: JsonValue) -> dict[str, str]:
    if not isinstance(value, dict):
        raise MalformedError("the trust bundle has no object status_tokens")
    tokens = {}
    for uri, token in value.items():
        if not isinstance(token, str) or len(token) > limits.STATUS_TOKEN_BYTES:
            raise MalformedError("the trust bundle has a status token of another form")
        tokens[uri] = token
    return tokens
