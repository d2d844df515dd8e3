"""The JSON-LD contexts that are known here, as values: nothing is ever fetched (clause WC-01).

They are written with a few makers instead of being kept as files; a conformance test compares them
with the published documents, member by member.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from weid.encoding import JsonObject, JsonValue

CREDENTIALS: Final = "https://www.w3.org/ns/credentials/v2"
DATA_INTEGRITY: Final = "https://w3id.org/security/data-integrity/v2"
EXAMPLES: Final = "https://www.w3.org/ns/credentials/examples/v2"
UNDEFINED_TERMS: Final = "https://www.w3.org/ns/credentials/undefined-terms/v2"

_VC: Final = "https://www.w3.org/2018/credentials#"
_SECURITY: Final = "https://w3id.org/security#"
_STATUS: Final = "https://www.w3.org/ns/credentials/status#"
_SCHEMA: Final = "https://schema.org/"
_JWT: Final = "https://www.iana.org/assignments/jwt#"
_JOSE: Final = "https://www.iana.org/assignments/jose#"
_XSD: Final = "http://www.w3.org/2001/XMLSchema#"
_XSD_SECURE: Final = "https://www.w3.org/2001/XMLSchema#"
"""The published context spells three of its types with https."""
NAMESPACES: Final = (_VC, _SECURITY, _STATUS)
"""Where the things are that decide what a credential is, and whether it is in force."""


def _term(iri: str, kind: str = "", **more: JsonValue) -> JsonObject:
    """Return a definition: its IRI, its `@type`, and members without their '@'."""
    written: JsonObject = {"@id": iri}
    if kind:
        written["@type"] = kind
    return written | {f"@{name}": value for name, value in more.items()}


def _protected(**terms: JsonValue) -> JsonObject:
    return {"@protected": True, "id": "@id", "type": "@type", **terms}


def _links(prefix: str, *names: str) -> JsonObject:
    return {name: _term(prefix + name, "@id") for name in names}


_PURPOSES: Final = _protected(
    assertionMethod=_term(f"{_SECURITY}assertionMethod", "@id", container="@set"),
    authentication=_term(f"{_SECURITY}authenticationMethod", "@id", container="@set"),
    capabilityDelegation=_term(f"{_SECURITY}capabilityDelegationMethod", "@id", container="@set"),
    capabilityInvocation=_term(f"{_SECURITY}capabilityInvocationMethod", "@id", container="@set"),
    keyAgreement=_term(f"{_SECURITY}keyAgreementMethod", "@id", container="@set"),
)
_PROOF: Final = _term(
    f"{_SECURITY}DataIntegrityProof",
    context=_protected(
        challenge=f"{_SECURITY}challenge",
        created=_term("http://purl.org/dc/terms/created", f"{_XSD}dateTime"),
        cryptosuite=_term(f"{_SECURITY}cryptosuite", f"{_SECURITY}cryptosuiteString"),
        domain=f"{_SECURITY}domain",
        expires=_term(f"{_SECURITY}expiration", f"{_XSD}dateTime"),
        nonce=f"{_SECURITY}nonce",
        previousProof=_term(f"{_SECURITY}previousProof", "@id"),
        proofPurpose=_term(f"{_SECURITY}proofPurpose", "@vocab", context=_PURPOSES),
        proofValue=_term(f"{_SECURITY}proofValue", f"{_SECURITY}multibase"),
        verificationMethod=_term(f"{_SECURITY}verificationMethod", "@id"),
    ),
)
_HAS_PROOF: Final = _term(f"{_SECURITY}proof", "@id", container="@graph")
_NAMED: Final[JsonObject] = {
    "description": f"{_SCHEMA}description",
    "name": f"{_SCHEMA}name",
}
_CREDENTIAL: Final = _term(
    f"{_VC}VerifiableCredential",
    context=_protected(
        **_links(
            _VC,
            "confidenceMethod", "credentialSchema", "credentialStatus", "credentialSubject",
            "evidence", "issuer", "refreshService", "relatedResource", "renderMethod",
            "termsOfUse",
        ),
        **_NAMED,
        proof=_HAS_PROOF,
        validFrom=_term(f"{_VC}validFrom", f"{_XSD}dateTime"),
        validUntil=_term(f"{_VC}validUntil", f"{_XSD}dateTime"),
    ),
)  # fmt: skip
_PRESENTATION: Final = _term(
    f"{_VC}VerifiablePresentation",
    context=_protected(
        **_links(_VC, "holder", "termsOfUse"),
        proof=_HAS_PROOF,
        verifiableCredential=_term(
            f"{_VC}verifiableCredential", "@id", container="@graph", context=None
        ),
    ),
)
_STATUS_LIST: Final = _term(
    f"{_STATUS}BitstringStatusList",
    context=_protected(
        encodedList=_term(f"{_STATUS}encodedList", f"{_SECURITY}multibase"),
        statusPurpose=f"{_STATUS}statusPurpose",
        ttl=f"{_STATUS}ttl",
    ),
)
_STATUS_ENTRY: Final = _term(
    f"{_STATUS}BitstringStatusListEntry",
    context=_protected(
        **_links(_STATUS, "statusListCredential", "statusReference"),
        statusListIndex=f"{_STATUS}statusListIndex",
        statusPurpose=f"{_STATUS}statusPurpose",
        statusMessage=_term(
            f"{_STATUS}statusMessage",
            context=_protected(message=f"{_STATUS}message", status=f"{_STATUS}status"),
        ),
        statusSize=_term(f"{_STATUS}statusSize", f"{_XSD_SECURE}integer"),
    ),
)
_JOSE_TERMS: Final[JsonObject] = {
    "...": _term(f"{_JWT}..."),
    "_sd": _term(f"{_JWT}_sd", "@json"),
    "_sd_alg": _term(f"{_JWT}_sd_alg"),
    "aud": _term(f"{_JWT}aud", "@id"),
    "cnf": _term(
        f"{_JWT}cnf",
        context={
            "@protected": True,
            "kid": _term(f"{_JWT}kid", "@id"),
            "jwk": _term(f"{_JWT}jwk", "@json"),
        },
    ),
    **{
        name: _term(_JWT + name, f"{_XSD_SECURE}nonNegativeInteger")
        for name in ("exp", "iat", "nbf")
    },
    **_links(_JOSE, "iss", "jku", "kid", "sub", "x5u"),
}

_CREDENTIALS_CONTEXT: Final = _protected(
    **_NAMED,
    digestMultibase=_term(f"{_SECURITY}digestMultibase", f"{_SECURITY}multibase"),
    digestSRI=_term(f"{_VC}digestSRI", f"{_VC}sriString"),
    mediaType=_term(f"{_SCHEMA}encodingFormat"),
    VerifiableCredential=_CREDENTIAL,
    EnvelopedVerifiableCredential=f"{_VC}EnvelopedVerifiableCredential",
    VerifiablePresentation=_PRESENTATION,
    EnvelopedVerifiablePresentation=f"{_VC}EnvelopedVerifiablePresentation",
    JsonSchemaCredential=f"{_VC}JsonSchemaCredential",
    JsonSchema=_term(
        f"{_VC}JsonSchema",
        context=_protected(jsonSchema=_term(f"{_VC}jsonSchema", "@json")),
    ),
    BitstringStatusListCredential=f"{_STATUS}BitstringStatusListCredential",
    BitstringStatusList=_STATUS_LIST,
    BitstringStatusListEntry=_STATUS_ENTRY,
    DataIntegrityProof=_PROOF,
    **_JOSE_TERMS,
)

CONTEXTS: Final[Mapping[str, JsonObject]] = MappingProxyType(
    {
        CREDENTIALS: {"@context": _CREDENTIALS_CONTEXT},
        DATA_INTEGRITY: {"@context": _protected(proof=_HAS_PROOF, DataIntegrityProof=_PROOF)},
    }
)
"""URL → document: what credentials of everyday may name."""

SUITE_CONTEXTS: Final[Mapping[str, JsonObject]] = MappingProxyType(
    {
        **CONTEXTS,
        EXAMPLES: {"@context": {"@vocab": "https://www.w3.org/ns/credentials/examples#"}},
        UNDEFINED_TERMS: {
            "@context": {"@vocab": "https://www.w3.org/ns/credentials/undefined-term#"}
        },
    }
)
"""Those and the two that give any term a meaning: for the W3C's test suites alone."""
