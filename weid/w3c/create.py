"""Making W3C credentials of published templates, and presentations of them.

Functions of values: who signs and the times come in as arguments. Clauses WC-40 … WC-43 of
specs/w3c-profile.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from weid import limits
from weid.clock import format_time
from weid.credential.template import CredentialTemplate
from weid.crypto.signer import Signer
from weid.encoding import JsonObject, JsonValue, json_dumps
from weid.errors import MalformedError
from weid.w3c.bitstring import StatusEntry
from weid.w3c.data_integrity import ASSERTION, AUTHENTICATION, create_proof
from weid.w3c.data_model import CREDENTIAL, PRESENTATION, SCHEMA, W3cCredential, W3cPresentation
from weid.w3c.jose import CREDENTIAL_TYP, PRESENTATION_TYP, create_jose, in_envelope
from weid.w3c.terms import Contexts, template_vocabulary
from weid.w3c.vocabulary import CREDENTIALS

Securing = Literal["eddsa-jcs-2022", "jose"]
JCS: Final[Securing] = "eddsa-jcs-2022"
JOSE: Final[Securing] = "jose"
_CONTEXTS: Final = Contexts()


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Who signs: the DID, the DID URL of the key in its document, and the signer."""

    did: str
    key_id: str
    signer: Signer

    def __post_init__(self) -> None:
        if not self.key_id.startswith(f"{self.did}#"):
            raise MalformedError("the key is not one of the DID that signs")


def credential_document(  # noqa: PLR0913 - what a credential says, each named
    template: CredentialTemplate,
    claims: JsonObject,
    *,
    issuer: str,
    holder: str | None,
    issued_at: int,
    expires_at: int,
    status: Sequence[StatusEntry],
) -> JsonObject:
    """Return an unsigned credential of a published template.

    `holder` is the DID of the person it is about, whose key presents it; None binds it to nobody.
    Times are seconds.

    Raises:
        MalformedError: claims that do not conform, that the template has withheld always (nothing
            can be withheld here), or whose names VCDM 2.0 uses; times that leave nothing.
    """
    faults = template.check_claims(claims) or template.check_presented(claims, frozenset())
    if faults:
        told = "; ".join(str(fault) for fault in faults[:5])
        raise MalformedError(f"the claims do not conform to the template: {told}")
    if {"id", "type"} & claims.keys():
        raise MalformedError("a claim of a W3C credential cannot be called id or type")
    if not 0 < expires_at - issued_at <= limits.CREDENTIAL_LIFETIME:
        raise MalformedError("the validity of the W3C credential is empty or too long")
    subject: JsonObject = dict(claims) if holder is None else {"id": holder, **claims}
    document: JsonObject = {
        "@context": [CREDENTIALS, template_vocabulary(template.vct)],
        "type": [CREDENTIAL, template.cpt_id],
        "issuer": issuer,
        "validFrom": format_time(issued_at),
        "validUntil": format_time(expires_at),
        "credentialSchema": {
            "id": template.vct,
            "type": SCHEMA,
            "digestSRI": template.integrity,
        },
        "credentialSubject": subject,
    }
    if status:
        entries: list[JsonValue] = [entry.to_json() for entry in status]
        document["credentialStatus"] = entries[0] if len(entries) == 1 else entries
    W3cCredential.parse(document, _CONTEXTS)
    return document


def sign_credential(
    document: JsonObject, key: SigningKey, *, created: int, securing: Securing = JCS
) -> str:
    """Sign a credential; return JSON with a proof, or a `vc+jwt`.

    Raises:
        MalformedError: the document is another issuer's, or cannot be signed that way.
        UnsupportedAlgorithmError: the key is not one for that way.
    """
    issuer = document.get("issuer")
    if (issuer.get("id") if isinstance(issuer, dict) else issuer) != key.did:
        raise MalformedError("the W3C credential is another issuer's")
    if securing == JOSE:
        return create_jose(
            document,
            typ=CREDENTIAL_TYP,
            key_id=key.key_id,
            signer=key.signer,
            claims={"iat": created},
        )
    secured = create_proof(
        document, signer=key.signer, key_id=key.key_id, purpose=ASSERTION, created=created
    )
    return json_dumps(secured).decode("utf-8")


def present_credential(
    credential: str | JsonObject,
    key: SigningKey,
    *,
    nonce: str,
    audience: str,
    created: int,
    securing: Securing = JCS,
) -> str:
    """Return a presentation of one credential, bound to a request by nonce and audience.

    `credential` is a `vc+jwt` or JSON with its proof; `key` the holder's.

    Raises:
        MalformedError: the credential cannot be presented so.
        UnsupportedAlgorithmError: the key is not one for that way.
    """
    held = in_envelope(credential) if isinstance(credential, str) else credential
    document: JsonObject = {
        "@context": [CREDENTIALS],
        "type": [PRESENTATION],
        "holder": key.did,
        "verifiableCredential": [held],
    }
    W3cPresentation.parse(document, _CONTEXTS)
    if securing == JOSE:
        return create_jose(
            document,
            typ=PRESENTATION_TYP,
            key_id=key.key_id,
            signer=key.signer,
            claims={"iat": created, "nonce": nonce, "aud": audience},
        )
    secured = create_proof(
        document,
        signer=key.signer,
        key_id=key.key_id,
        purpose=AUTHENTICATION,
        created=created,
        challenge=nonce,
        domain=audience,
    )
    return json_dumps(secured).decode("utf-8")
