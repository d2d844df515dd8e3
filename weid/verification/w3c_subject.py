"""What is found out about a W3C credential under examination; see `weid.verification.context`.

It stands where an SD-JWT VC stands, so that the checks that only ask about issuer, type and times
are the same. Clause WC-50 of specs/w3c-profile.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from weid.verification.context import Subject

if TYPE_CHECKING:
    from weid.crypto.keys import PublicKey
    from weid.encoding import JsonObject
    from weid.w3c.data_model import W3cCredential, W3cPresentation
    from weid.w3c.secured import Secured, Signature


@dataclass(frozen=True, slots=True)
class Terms:
    """From when until when a credential counts (seconds), and which template text it means."""

    issued_at: int
    not_before: int | None
    expires_at: int | None
    vct_integrity: str | None


@dataclass(frozen=True, slots=True)
class PresentationBinding:
    """What a presentation is bound to, as a key binding says it; times in seconds."""

    audience: str
    nonce: str
    issued_at: int
    not_before: int | None
    expires_at: int | None

    @property
    def claims(self) -> JsonObject:
        """Nothing: a W3C presentation has no place for what agrees to a transaction."""
        return {}


class W3cSubject(Subject):
    """A W3C credential, or a presentation of one, under examination."""

    __slots__ = ("keys", "presentation", "presented", "proof", "secured", "w3c")

    # format
    w3c: W3cCredential
    secured: Secured
    presentation: W3cPresentation | None
    presented: Secured | None
    # issuer_key: every signature with the key that it names
    keys: tuple[tuple[Signature, PublicKey], ...]
    # key_binding: the presentation's own
    proof: Signature

    @property
    def issuer_header(self) -> JsonObject:
        """Nothing: these credentials name no certificate authority."""
        return {}
