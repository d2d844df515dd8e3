"""What a verifier trusts and demands: a value, decided before any input is seen.

The policy, not the presentation, says which checks there must be. Whatever loosens it is a named
option; a policy that trusts nobody is refused.
Clauses VF-09 … VF-12 of specs/verification.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from weid import limits
from weid.credential.template import CredentialTemplate
from weid.did.resolver import DidResolver
from weid.registry.registry import RegistryReader
from weid.verification.report import CHECKS
from weid.verification.type_names import TypeMetadata

if TYPE_CHECKING:
    from weid.crypto.certificates import Certificate

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR


@runtime_checkable
class StatusTokens(Protocol):
    """Where signed status list tokens come from: a registry, a bundle, a guarded HTTP client."""

    def status_token(self, uri: str) -> str | None:
        """Return the newest token of a list, or None where it cannot be had now."""
        ...


class StatusCredentials(Protocol):
    """Where status list credentials of the W3C form come from, such as a guarded HTTP client."""

    def status_credential(self, uri: str) -> str | None:
        """Return the newest credential of a list as text, or None where it cannot be had now."""
        ...


@runtime_checkable
class TellsAge(Protocol):
    """A reader whose state stands still and grows old: a trust bundle."""

    def age(self) -> int:
        """Return how old the state is, in seconds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedNetwork:
    """A registry network that is trusted, and how it is asked.

    `genesis_hash` says which registry is meant, beyond its name. `status_tokens` is where its
    issuers' status lists come from; None takes the reader itself where it has them, else guarded
    HTTPS. A registry state older than `warn_after` seconds is used with a warning; one older than
    `refuse_after` is not used. `offline` is for a registry taken from a file: a status list that
    this state holds as the current one is then used whatever its token's own time; None means that
    the reader is one that tells its age, as a trust bundle does.
    """

    reader: RegistryReader
    genesis_hash: bytes
    status_tokens: StatusTokens | None = None
    warn_after: int = _DAY
    refuse_after: int = 7 * _DAY
    offline: bool | None = None

    def __post_init__(self) -> None:
        if self.reader.genesis_hash != self.genesis_hash:
            raise ValueError(f"the registry {self.reader.network} is not the one of this genesis")
        if not 0 < self.warn_after <= self.refuse_after:
            raise ValueError("warn_after must be above 0 and not above refuse_after")
        if self.status_tokens is None:
            own = self.reader if isinstance(self.reader, StatusTokens) else _over_https()
            object.__setattr__(self, "status_tokens", own)
        if self.offline is None:
            object.__setattr__(self, "offline", isinstance(self.reader, TellsAge))


def _over_https() -> StatusTokens:
    # Imported when it is needed: the transport brings TLS along.
    from weid.verification.status_sources import HttpStatusTokens  # noqa: PLC0415

    return HttpStatusTokens()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedIssuer:
    """An issuer outside every registry, named by its DID (did:web, did:key, did:jwk).

    `template` says what its credentials look like, `types` which `vct` they may carry;
    `status_lists` are the only status list URIs that are asked for it. `without_status` accepts
    its credentials although nothing tells whether they are revoked.
    """

    did: str
    types: tuple[str, ...]
    template: CredentialTemplate
    name: str | None = None
    status_lists: tuple[str, ...] = ()
    without_status: bool = False

    def __post_init__(self) -> None:
        if not self.types:
            raise ValueError(f"no type is listed for {self.did}")


class Mode(StrEnum):
    """How something was handed over."""

    REQUESTED = "requested"
    """The answer to a request: bound to its nonce and audience."""
    SHOWN = "shown"
    """A code that a wallet made by itself, bound to its holder and moment only."""
    UNBOUND = "unbound"
    """A certificate without a holder's key, such as one on paper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustPolicy:
    """Whom a verifier trusts and what it demands.

    `networks` maps the names of registry networks to how each is trusted; `issuers` are listed
    issuers beside them, resolved by `resolver`. The options that loosen something say so:
    `accept_shown_codes`, `accept_unbound_credentials`, `accept_without_status`,
    `accept_deactivated_issuers` (for what was issued before) and `accept_unlinked_credentials`.
    `link_claims` are paths whose values must agree across the credentials of one answer.
    `certificate_authorities` are those to one of which the certificate chain of an issuer that
    signs with one must lead; without any the registry alone decides (clause VF-43).
    `type_metadata` are believed when they say that a type goes by another name or extends another.
    `accepted_issuers` maps a type to the only issuers of it that are accepted, of all trusted ones.
    `status_credentials` is where Bitstring Status Lists come from; without it the status of W3C
    credentials cannot be known. Times are seconds.
    """

    networks: Mapping[str, TrustedNetwork] = field(default_factory=dict)
    issuers: tuple[ListedIssuer, ...] = ()
    resolver: DidResolver | None = None
    status_tokens: StatusTokens | None = None
    status_credentials: StatusCredentials | None = None
    accept_shown_codes: bool = False
    accept_unbound_credentials: bool = False
    accept_without_status: bool = False
    accept_deactivated_issuers: bool = False
    accept_unlinked_credentials: bool = False
    accept_without_expiry: bool = False
    link_claims: tuple[tuple[str, ...], ...] = ()
    certificate_authorities: tuple[Certificate, ...] = ()
    type_metadata: TypeMetadata | None = None
    accepted_issuers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    leeway: int = limits.LEEWAY
    key_binding_age: int = limits.KEY_BINDING_AGE
    shown_age: int = limits.SHOWN_AGE
    longest_lifetime: int = limits.CREDENTIAL_LIFETIME

    def __post_init__(self) -> None:
        if not self.networks and not self.issuers:
            raise ValueError("the trust policy trusts nobody: name a network or an issuer")
        for name, network in self.networks.items():
            if network.reader.network != name:
                raise ValueError(f"the registry named {name} calls itself {network.reader.network}")
        if self.issuers and self.resolver is None:
            raise ValueError("listed issuers need a resolver for their DIDs")
        if not all(one.is_authority for one in self.certificate_authorities):
            raise ValueError("a certificate that is trusted is not one of a certificate authority")
        dids = [listed.did for listed in self.issuers]
        for listed in self.issuers:
            if dids.count(listed.did) > 1:
                raise ValueError(f"{listed.did} is listed twice: name all its types in one listing")
            if listed.did.startswith("did:weid:"):
                raise ValueError(f"{listed.did} is trusted through its network, not by listing")

    @classmethod
    def for_registry(
        cls, reader: RegistryReader, *, status_tokens: StatusTokens | None = None
    ) -> TrustPolicy:
        """Return the policy that trusts one registry and keeps every default."""
        network = TrustedNetwork(
            reader=reader, genesis_hash=reader.genesis_hash, status_tokens=status_tokens
        )
        return cls(networks={reader.network: network})

    def listed(self, did: str) -> ListedIssuer | None:
        """Return the listing of an issuer, or None."""
        return next((issuer for issuer in self.issuers if issuer.did == did), None)

    def expected_checks(self, mode: Mode, *, query: bool) -> tuple[str, ...]:
        """Return the names of the checks that there must be.

        They depend on the policy, on how the presentation was taken in and on whether claims were
        asked for: never on what is in the presentation. A check whose demand the policy lifts
        (status, key_binding) stays in the list and says that nothing was there.
        """
        return _expected_checks(mode, query)


@lru_cache
def _expected_checks(mode: Mode, query: bool) -> tuple[str, ...]:  # noqa: FBT001 - a cache's key
    left_out = set[str]()
    if mode is Mode.UNBOUND:
        left_out.add("request_binding")
    if not query:
        left_out.add("requested_claims")
    return tuple(name for name in CHECKS if name not in left_out)
