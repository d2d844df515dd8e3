"""A verified presentation: the only value that gives out claims.

`weid.verification.examine` makes one when every expected check has passed; nothing else can.
Clause VF-03 of specs/verification.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Never

from weid.crypto.keys import PublicKey
from weid.encoding import JsonValue

_SEAL: Final = object()


@dataclass(frozen=True, slots=True)
class CredentialFacts:
    """What is known of a verified credential beside its claims; times in seconds.

    `issuer_name` is the name that the registry confirms, None where it has none; `template_name`
    the template's English name; `holder_key` None for a credential without key binding.
    """

    issuer: str
    issuer_name: str | None
    vct: str
    template_name: str
    issued_at: int
    expires_at: int | None
    holder_key: PublicKey | None


class VerifiedPresentation:
    """Claims that passed every check that the policy expects.

    `claims` holds what was asked for and nothing else; where nothing was asked in particular,
    what was shown. `warnings` are codes to look at.
    """

    __slots__ = ("_claims", "_facts", "_warnings")

    def __init__(
        self,
        claims: Mapping[str, JsonValue],
        facts: CredentialFacts,
        warnings: tuple[str, ...],
        *,
        seal: object = None,
    ) -> None:
        if seal is not _SEAL:
            raise TypeError("only verification makes a VerifiedPresentation")
        self._claims = MappingProxyType(dict(claims))
        self._facts = facts
        self._warnings = warnings

    @property
    def claims(self) -> Mapping[str, JsonValue]:
        """The verified claims, read-only."""
        return self._claims

    @property
    def facts(self) -> CredentialFacts:
        """Issuer, type, times and holder key."""
        return self._facts

    @property
    def issuer(self) -> str:
        """The issuer's DID."""
        return self._facts.issuer

    @property
    def issuer_name(self) -> str | None:
        """The issuer's name as the registry confirms it, or None."""
        return self._facts.issuer_name

    @property
    def vct(self) -> str:
        """The credential's type."""
        return self._facts.vct

    @property
    def warnings(self) -> tuple[str, ...]:
        """Codes of the reasons table that deserve a look."""
        return self._warnings

    def __init_subclass__(cls) -> Never:
        raise TypeError("VerifiedPresentation cannot be subclassed")

    def __reduce__(self) -> Never:
        raise TypeError("a VerifiedPresentation cannot be copied out and made again")

    def __repr__(self) -> str:
        return f"VerifiedPresentation(issuer={self.issuer!r}, vct={self.vct!r}, claims=…)"
