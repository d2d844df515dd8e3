"""DID documents (DID Core 1.0) as values: verification methods by purpose, services, their JSON.

A verification method always holds a key that passed our refusals; its purpose is what the document
gives it and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from weid.clock import format_time
from weid.crypto.keys import KeyKind, PublicKey
from weid.encoding import JsonObject, JsonValue

CONTEXT: Final = ("https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1")
JWK_CONTEXT: Final = ("https://www.w3.org/ns/did/v1", "https://w3id.org/security/jwk/v1")


class Relationship(StrEnum):
    """What a key may be used for (DID Core 1.0 clause 5.3)."""

    AUTHENTICATION = "authentication"
    ASSERTION = "assertionMethod"
    KEY_AGREEMENT = "keyAgreement"
    CAPABILITY_INVOCATION = "capabilityInvocation"
    CAPABILITY_DELEGATION = "capabilityDelegation"


SIGNING: Final = frozenset(Relationship) - {Relationship.KEY_AGREEMENT}
_FOR_AGREEMENT: Final = frozenset({KeyKind.X25519, KeyKind.P256})


def may_serve(kind: KeyKind, relationship: Relationship) -> bool:
    """Tell whether a kind of key can do what the relationship lets it."""
    if relationship is Relationship.KEY_AGREEMENT:
        return kind in _FOR_AGREEMENT
    return kind is not KeyKind.X25519


@dataclass(frozen=True, slots=True)
class VerificationMethod:
    """A key in a document. `id` is the full DID URL; `revoked` the time (s) it goes out of force.

    `as_jwk` writes it as JsonWebKey instead of Multikey, as did:jwk has it.
    """

    id: str
    controller: str
    key: PublicKey
    revoked: int | None = None
    as_jwk: bool = False

    @property
    def fragment(self) -> str:
        """The part of the id after '#'."""
        return self.id.partition("#")[2]

    def to_json(self) -> JsonObject:
        """Return the JSON object."""
        written: JsonObject = {
            "id": self.id,
            "type": "JsonWebKey" if self.as_jwk else "Multikey",
            "controller": self.controller,
        }
        if self.as_jwk:
            written["publicKeyJwk"] = self.key.to_jwk()
        else:
            written["publicKeyMultibase"] = self.key.to_multikey()
        if self.revoked is not None:
            written["revoked"] = format_time(self.revoked)
        return written


@dataclass(frozen=True, slots=True)
class Service:
    """A service endpoint; never fetched by us. `id` is the full DID URL."""

    id: str
    type: str
    endpoint: str

    def to_json(self) -> JsonObject:
        """Return the JSON object."""
        return {"id": self.id, "type": self.type, "serviceEndpoint": self.endpoint}


@dataclass(frozen=True, slots=True)
class DidDocument:
    """A DID document.

    `relationships` names the methods (by full id) that may now do each thing; a method that is in
    none of them is history.
    """

    id: str
    controllers: tuple[str, ...] = ()
    also_known_as: tuple[str, ...] = ()
    methods: tuple[VerificationMethod, ...] = ()
    relationships: Mapping[Relationship, tuple[str, ...]] = field(default_factory=dict)
    services: tuple[Service, ...] = ()

    def method(self, key_id: str) -> VerificationMethod | None:
        """Return a method by its id, full (`did:…#key`) or relative (`#key`)."""
        full = f"{self.id}{key_id}" if key_id.startswith("#") else key_id
        return next((method for method in self.methods if method.id == full), None)

    def method_for(self, key_id: str, relationship: Relationship) -> VerificationMethod | None:
        """Return a method that may do this now, or None: unknown, another's, out of force."""
        found = self.method(key_id)
        if found is None or found.id not in self.relationships.get(relationship, ()):
            return None
        return found

    def methods_for(self, relationship: Relationship) -> tuple[VerificationMethod, ...]:
        """Return every method that may do this now, in the document's order."""
        allowed = self.relationships.get(relationship, ())
        return tuple(method for method in self.methods if method.id in allowed)

    def to_json(self) -> JsonObject:
        """Return the document as JSON-LD that is plain JSON as well."""
        as_jwk = any(method.as_jwk for method in self.methods)
        written: JsonObject = {"@context": list(JWK_CONTEXT if as_jwk else CONTEXT), "id": self.id}
        if self.controllers:
            written["controller"] = list(self.controllers)
        if self.also_known_as:
            written["alsoKnownAs"] = list(self.also_known_as)
        methods: list[JsonValue] = [method.to_json() for method in self.methods]
        if methods:
            written["verificationMethod"] = methods
        for relationship in Relationship:
            if ids := self.relationships.get(relationship):
                written[relationship.value] = list(ids)
        services: list[JsonValue] = [service.to_json() for service in self.services]
        if services:
            written["service"] = services
        return written
