"""Reading a DID document that somebody else wrote, strictly.

Members that we do not know are ignored, as DID Core asks; what we know must be right in form, and
one key that we must not use (unknown kind, weak, private) refuses the whole document.
"""

from __future__ import annotations

from typing import Final

from weid import limits
from weid.clock import parse_time
from weid.crypto.keys import PublicKey
from weid.did.document import DidDocument, Relationship, Service, VerificationMethod, may_serve
from weid.did.service_endpoint import check_service_endpoint
from weid.did.syntax import Did, DidUrl
from weid.encoding import JsonObject, JsonValue, json_loads_object
from weid.errors import MalformedError, UnsupportedAlgorithmError

_MULTIBASE_TYPES: Final = frozenset(
    {"Multikey", "Ed25519VerificationKey2020", "X25519KeyAgreementKey2020"}
)
_JWK_TYPES: Final = frozenset({"JsonWebKey", "JsonWebKey2020"})
_FIRST_CONTEXTS: Final = frozenset(
    {"https://www.w3.org/ns/did/v1", "https://www.w3.org/ns/did/v1.1"}
)


def parse_did_document(data: bytes, *, expected_did: str, at_time: int) -> DidDocument:
    """Read a DID document of a DID; keys that are revoked or expired at a time serve for nothing.

    Raises:
        MalformedError: too large, not strict JSON, of another DID, an id twice, a wrong form, a
            private or weak key.
        UnsupportedAlgorithmError: a kind of key that we do not use, or not for this purpose.
    """
    document = json_loads_object(data, what="the DID document", max_bytes=limits.DID_DOCUMENT_BYTES)
    if document.get("id") != expected_did:
        raise MalformedError("the DID document is of another DID")
    _check_context(document.get("@context"))
    reader = _Reader(expected_did, at_time)
    for entry in _list(document, "verificationMethod"):
        reader.read_method(entry)
    relationships = {
        relationship: reader.read_relationship(relationship, document)
        for relationship in Relationship
    }
    services = tuple(reader.read_service(entry) for entry in _list(document, "service"))
    if len(services) > limits.DID_SERVICES:
        raise MalformedError(f"the DID document has more than {limits.DID_SERVICES} services")
    controller = document.get("controller", [])
    return DidDocument(
        id=expected_did,
        controllers=tuple(
            str(Did.parse(each))
            for each in _texts([controller] if isinstance(controller, str) else controller)
        ),
        also_known_as=_texts(document.get("alsoKnownAs", [])),
        methods=tuple(reader.methods.values()),
        relationships={name: ids for name, ids in relationships.items() if ids},
        services=services,
    )


class _Reader:
    """What was read of one document so far; every id stands for one thing."""

    def __init__(self, did: str, at_time: int) -> None:
        self._did = did
        self._at_time = at_time
        self._ids: set[str] = set()
        self.methods: dict[str, VerificationMethod] = {}

    def read_method(self, entry: JsonValue) -> VerificationMethod:
        members = _object(entry, "a verification method")
        method_id = self._new_id(members, "a verification method")
        if len(self.methods) >= limits.DID_KEYS:
            raise MalformedError(f"the DID document has more than {limits.DID_KEYS} keys")
        kind = _text(members, "type", "a verification method")
        as_jwk = kind in _JWK_TYPES
        key = _read_key(members, kind)
        key.check_subgroup()
        controller = str(Did.parse(_text(members, "controller", "a verification method")))
        method = VerificationMethod(method_id, controller, key, _end(members), as_jwk)
        self.methods[method_id] = method
        return method

    def read_relationship(
        self, relationship: Relationship, document: JsonObject
    ) -> tuple[str, ...]:
        ids: list[str] = []
        for entry in _list(document, relationship.value):
            if isinstance(entry, str):
                method = self.methods.get(self._full(entry))
                if method is None:
                    raise MalformedError(f"{relationship} names a key that is not in the document")
            else:
                method = self.read_method(entry)
            if not may_serve(method.key.kind, relationship):
                raise UnsupportedAlgorithmError(
                    f"a key of kind {method.key.kind} cannot serve as {relationship}"
                )
            if method.id in ids:
                raise MalformedError(f"{relationship} names a key twice")
            if method.revoked is None or self._at_time < method.revoked:
                ids.append(method.id)
        return tuple(ids)

    def read_service(self, entry: JsonValue) -> Service:
        members = _object(entry, "a service")
        service_id = self._new_id(members, "a service")
        endpoint = _text(members, "serviceEndpoint", "a service")
        check_service_endpoint(endpoint)
        return Service(service_id, _text(members, "type", "a service"), endpoint)

    def _new_id(self, members: JsonObject, what: str) -> str:
        full = self._full(_text(members, "id", what))
        if full in self._ids:
            raise MalformedError("the DID document has an id twice")
        self._ids.add(full)
        return full

    def _full(self, text: str) -> str:
        full = f"{self._did}{text}" if text.startswith("#") else text
        url = DidUrl.parse(full)
        if str(url.did) != self._did or not url.fragment or url.query:
            raise MalformedError("an id in the DID document is not of its DID")
        return full


def _read_key(members: JsonObject, kind: str) -> PublicKey:
    if "publicKeyJwk" in members and "publicKeyMultibase" in members:
        raise MalformedError("a verification method has two keys")
    if kind in _JWK_TYPES:
        return PublicKey.from_jwk(members.get("publicKeyJwk"))
    if kind not in _MULTIBASE_TYPES:
        raise UnsupportedAlgorithmError("a verification method is of a type that we do not use")
    return PublicKey.from_multikey(_text(members, "publicKeyMultibase", "a verification method"))


def _end(members: JsonObject) -> int | None:
    ends = [
        parse_time(_text(members, name, "a verification method"), what=name)
        for name in ("expires", "revoked")
        if name in members
    ]
    return min(ends, default=None)


def _check_context(context: JsonValue) -> None:
    first = context[0] if isinstance(context, list) and context else context
    if first is not None and (not isinstance(first, str) or first not in _FIRST_CONTEXTS):
        raise MalformedError("the DID document has a context of another vocabulary first")


def _list(members: JsonObject, name: str) -> list[JsonValue]:
    value = members.get(name, [])
    if not isinstance(value, list):
        raise MalformedError(f"{name} of the DID document is not a list")
    return value


def _object(value: JsonValue, what: str) -> JsonObject:
    if not isinstance(value, dict):
        raise MalformedError(f"{what} of the DID document is not an object")
    return value


def _text(members: JsonObject, name: str, what: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedError(f"{what} of the DID document has no text member '{name}'")
    return value


def _texts(value: JsonValue) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise MalformedError("a list of texts in the DID document is none")
    texts = []
    for each in value:
        if not isinstance(each, str):
            raise MalformedError("a list of texts in the DID document has something else")
        texts.append(each)
    return tuple(texts)
