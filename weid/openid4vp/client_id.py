"""Who asks: the client identifier and its prefix (OpenID4VP section 5.9).

Clauses PP-34 and PP-35 of specs/presentation-profile.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from weid import limits
from weid.errors import ProtocolError


class Prefix(StrEnum):
    """The prefixes that we ask under and answer to."""

    REDIRECT_URI = "redirect_uri"
    X509_HASH = "x509_hash"
    X509_SAN_DNS = "x509_san_dns"
    DECENTRALIZED_IDENTIFIER = "decentralized_identifier"


SIGNED: Final = frozenset(Prefix) - {Prefix.REDIRECT_URI}
"""Prefixes under which a request is signed; under the other it cannot be."""


@dataclass(frozen=True, slots=True)
class ClientId:
    """A client identifier: `text` whole, which is also the audience of the answer."""

    prefix: Prefix
    name: str

    @property
    def text(self) -> str:
        """The identifier with its prefix."""
        return f"{self.prefix}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> ClientId:
        """Read a client identifier; what stands before the first colon is its prefix.

        Raises:
            ProtocolError: no prefix (we know no verifier beforehand), or none that we know.
        """
        prefix, colon, name = text.partition(":")
        known = colon and prefix in set(Prefix)
        if not known or not name or len(text) > limits.TEXT_FIELD:
            raise ProtocolError(
                "invalid_request",
                "the verifier does not say by what it is known",
                hint="Do not answer: client_id has no prefix that this wallet takes.",
            )
        return cls(Prefix(prefix), name)
