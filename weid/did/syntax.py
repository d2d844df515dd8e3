"""DIDs and DID URLs in their one spelling (DID Core 1.0 clause 3), and how a did:weid is derived.

Stricter than the ABNF: percent-encoding only where a character needs it, no paths, ASCII only, so
that two texts are the same DID exactly when they are equal.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol
from urllib.parse import quote, unquote

from weid import limits
from weid.cbor import cbor_encode
from weid.encoding import base58_decode, base58_encode
from weid.errors import MalformedError

_DID: Final = re.compile(
    r"did:(?P<method>[a-z0-9]+):"
    r"(?P<id>(?:[A-Za-z0-9._:-]|%[0-9A-F]{2})*(?:[A-Za-z0-9._-]|%[0-9A-F]{2}))"
)
_ESCAPE: Final = re.compile(r"%([0-9A-F]{2})")
_QUERY: Final = re.compile(r"(?:[A-Za-z0-9._~!$'()*,;:@/?=&-]|%[0-9A-F]{2})+")
_QUERY_SAFE: Final = "~!$'()*,;:@/?="
_FRAGMENT: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/?-]+")
_ID_CHAR: Final = re.compile(r"[A-Za-z0-9._-]")
_NETWORK: Final = re.compile(r"[a-z][a-z0-9-]{1,31}")
_KEY_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_ID_TAG: Final = b"weid/did/1"
_SUITE: Final = b"\x01"
"""First byte of an identifier: SHA-256 cut to 20 bytes over the inception, version 1."""
_ID_BYTES: Final = 21
_ID_CHARS: Final = 28
_KEY_BYTES: Final = 32
_SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Did:
    """A DID: `method` and method-specific `id`; its text is `str()`."""

    method: str
    id: str

    @classmethod
    def parse(cls, text: str) -> Did:
        """Read a DID.

        Raises:
            MalformedError: not a DID, or not in its one spelling.
        """
        if len(text) > limits.DID_CHARS:
            raise MalformedError(f"the DID is longer than {limits.DID_CHARS} characters")
        match = _DID.fullmatch(text)
        if match is None:
            raise MalformedError("the text is not a DID")
        for escape in _ESCAPE.finditer(text):
            if _ID_CHAR.fullmatch(chr(int(escape.group(1), 16))):
                raise MalformedError("the DID has a percent-encoding that it does not need")
        return cls(match["method"], match["id"])

    def __str__(self) -> str:
        return f"did:{self.method}:{self.id}"


@dataclass(frozen=True, slots=True)
class DidUrl:
    """A DID with query parameters and a fragment (without '#', empty when there is none)."""

    did: Did
    query: tuple[tuple[str, str], ...] = ()
    fragment: str = ""

    @classmethod
    def parse(cls, text: str) -> DidUrl:
        """Read a DID URL; query values are decoded.

        Raises:
            MalformedError: not a DID URL in its one spelling, a path, a parameter twice.
        """
        if len(text) > limits.DID_CHARS:
            raise MalformedError(f"the DID URL is longer than {limits.DID_CHARS} characters")
        rest, hash_sign, fragment = text.partition("#")
        if hash_sign and _FRAGMENT.fullmatch(fragment) is None:
            raise MalformedError("the fragment of the DID URL is not one")
        before, question_mark, query = rest.partition("?")
        if question_mark and _QUERY.fullmatch(query) is None:
            raise MalformedError("the query of the DID URL is not one")
        parsed = cls(Did.parse(before), _parameters(query), fragment)
        if str(parsed) != text:
            raise MalformedError("the DID URL is not in its only spelling")
        return parsed

    def parameter(self, name: str) -> str | None:
        """Return a query parameter's value, or None where it is absent."""
        return dict(self.query).get(name)

    def __str__(self) -> str:
        query = "&".join(f"{name}={quote(value, safe=_QUERY_SAFE)}" for name, value in self.query)
        return (
            str(self.did)
            + (f"?{query}" if query else "")
            + (f"#{self.fragment}" if self.fragment else "")
        )


def _parameters(query: str) -> tuple[tuple[str, str], ...]:
    if not query:
        return ()
    parameters = []
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        if not (name and equals and value):
            raise MalformedError("a parameter of the DID URL has no name or no value")
        try:
            parameters.append((name, unquote(value, errors="strict")))
        except UnicodeDecodeError:
            raise MalformedError("a parameter of the DID URL is not UTF-8") from None
    if len(dict(parameters)) != len(parameters):
        raise MalformedError("the DID URL has a parameter twice")
    return tuple(parameters)


def check_network(network: str) -> None:
    """Require a network name: 2 to 32 of a-z, 0-9 and '-', a letter first (clause DW-02).

    Raises:
        MalformedError: another text.
    """
    if _NETWORK.fullmatch(network) is None:
        raise MalformedError("the network name is not 2 to 32 of a-z, 0-9 and '-'")


def check_key_id(key_id: str) -> None:
    """Require a key or service id as registered: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'.

    Raises:
        MalformedError: another text (a '#' does not belong to it).
    """
    if _KEY_ID.fullmatch(key_id) is None:
        raise MalformedError("the id is not 1 to 64 letters, digits, '.', '_' and '-'")


class InceptionRecord(Protocol):
    """What an identifier is derived from; see `weid.registry.operations.Inception`."""

    @property
    def network(self) -> str:
        """The network in which the DID lives."""
        ...

    @property
    def controllers(self) -> Sequence[bytes]:
        """Raw Ed25519 public keys, ascending."""
        ...

    @property
    def threshold(self) -> int:
        """How many of them must sign."""
        ...

    @property
    def next_keys(self) -> bytes:
        """Commitment to the next controllers, 32 bytes, or empty."""
        ...

    @property
    def recovery_keys(self) -> Sequence[bytes]:
        """Raw Ed25519 public keys in the order of their numbers."""
        ...

    @property
    def salt(self) -> bytes:
        """16 random bytes."""
        ...


def weid_did(inception: InceptionRecord) -> str:
    """Return the did:weid that an inception derives (clauses DW-03 and DW-04).

    Raises:
        MalformedError: the inception breaks a rule of its form.
    """
    _check_inception(inception)
    body = cbor_encode(
        [
            1,
            inception.network,
            list(inception.controllers),
            inception.threshold,
            inception.next_keys,
            list(inception.recovery_keys),
            inception.salt,
        ]
    )
    digest = hashlib.sha256(_ID_TAG + body).digest()
    return f"did:weid:{inception.network}:{base58_encode(_SUITE + digest[: _ID_BYTES - 1])}"


def _check_inception(inception: InceptionRecord) -> None:
    check_network(inception.network)
    controllers = list(inception.controllers)
    if not 1 <= len(controllers) <= limits.DID_CONTROLLERS or controllers != sorted(
        set(controllers)
    ):
        raise MalformedError("the controllers of the inception are not distinct and ascending")
    if isinstance(inception.threshold, bool) or not 1 <= inception.threshold <= len(controllers):
        raise MalformedError("the threshold of the inception is not met by its controllers")
    recovery = list(inception.recovery_keys)
    if len(recovery) > limits.DID_CONTROLLERS or len(set(recovery)) != len(recovery):
        raise MalformedError("the recovery keys of the inception are not distinct")
    if any(len(key) != _KEY_BYTES for key in (*controllers, *recovery)):
        raise MalformedError("a key of the inception is not 32 bytes long")
    if len(inception.next_keys) not in {0, _KEY_BYTES}:
        raise MalformedError("the commitment of the inception is not 32 bytes long")
    if len(inception.salt) != _SALT_BYTES:
        raise MalformedError("the salt of the inception is not 16 bytes long")


@lru_cache(maxsize=4096)
def parse_weid_did(text: str) -> tuple[str, str]:
    """Return network and identifier of a did:weid (clauses DW-01 to DW-03).

    Raises:
        MalformedError: another method or spelling, or an identifier of another suite.
    """
    parts = text.split(":", 4) if len(text) <= limits.DID_CHARS else []
    if len(parts) != 4 or parts[:2] != ["did", "weid"]:
        raise MalformedError("the text is not a did:weid")
    network, identifier = parts[2:]
    check_network(network)
    what = "the identifier of the did:weid"
    if len(identifier) != _ID_CHARS:
        raise MalformedError(f"{what} is not {_ID_CHARS} characters long")
    data = base58_decode(identifier, what=what, max_chars=_ID_CHARS)
    if len(data) != _ID_BYTES or not data.startswith(_SUITE):
        raise MalformedError(f"{what} is of no suite that we know")
    return network, identifier
