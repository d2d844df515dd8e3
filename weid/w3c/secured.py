"""A signed W3C document in one form, whichever way it was signed: what it says, and signatures.

Nothing here trusts a key: each signature names one, and is verified with the key that the caller
found. Clause WC-24 of specs/w3c-profile.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from weid import limits
from weid.crypto.jws import verify_jws
from weid.crypto.keys import PublicKey
from weid.encoding import JsonObject, base64url_decode, json_loads_object
from weid.errors import MalformedError
from weid.w3c.data_integrity import Proof, split_proofs, verify_proof
from weid.w3c.data_model import ENVELOPED_PRESENTATION, is_enveloped
from weid.w3c.jose import CREDENTIAL_TYP, PRESENTATION_TYP, open_envelope, parse_jose
from weid.w3c.terms import Contexts

_OPENING: Final = "{"
_TYPS: Final = {CREDENTIAL_TYP: "credential", PRESENTATION_TYP: "presentation"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature on a document; times in seconds.

    `purpose` is what a proof says that it is for, None where the format says it; `challenge` and
    `domains` (JOSE: `nonce` and `aud`) what a presentation is bound to. `verify` takes the key
    that `key_id` names and raises where the signature does not hold.
    """

    key_id: str
    purpose: str | None
    created: int | None
    not_before: int | None
    expires: int | None
    challenge: str | None
    domains: tuple[str, ...]
    verify: Callable[[PublicKey], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """A document with its signatures, none of them verified yet."""

    document: JsonObject
    signatures: tuple[Signature, ...]


def read_credential(
    text: str | JsonObject, contexts: Contexts, *, max_bytes: int = limits.PRESENTATION_BYTES
) -> Secured:
    """Read a signed credential: JSON with proofs, an envelope, or a `vc+jwt`.

    Raises:
        MalformedError, UnsupportedAlgorithmError: with what is wrong.
    """
    value = _json(text, "the W3C credential", max_bytes) if _is_json(text) else text
    if isinstance(value, dict) and is_enveloped(value):
        value = open_envelope(value)
    if isinstance(value, str):
        return _from_jose(value, CREDENTIAL_TYP, max_bytes)
    return _from_proofs(value, contexts)


def read_presentation(text: str | JsonObject, contexts: Contexts) -> Secured:
    """Read a signed presentation: JSON with proofs, an envelope, or a `vp+jwt`.

    Raises:
        MalformedError, UnsupportedAlgorithmError: with what is wrong.
    """
    most = limits.PRESENTATION_BYTES
    value = _json(text, "the W3C presentation", most) if _is_json(text) else text
    if isinstance(value, dict) and is_enveloped(value, ENVELOPED_PRESENTATION):
        value = open_envelope(value, typ=PRESENTATION_TYP)
    if isinstance(value, str):
        return _from_jose(value, PRESENTATION_TYP, most)
    return _from_proofs(value, contexts)


def kind_of(text: str) -> str | None:
    """Return `credential` or `presentation` where a text looks like a W3C one, else None.

    A look at the outside alone, to say who reads it: nothing is checked.
    """
    if _is_json(text):
        try:
            value = _json(text, "the text", limits.PRESENTATION_BYTES)
        except MalformedError:
            return None
        types = value.get("type", [])
        names = types if isinstance(types, list) else [types]
        if "VerifiablePresentation" in names or ENVELOPED_PRESENTATION in names:
            return "presentation"
        return "credential" if "@context" in value else None
    header, dot, _ = text.partition(".")
    if not dot or "~" in text:
        return None
    try:
        decoded = base64url_decode(header, what="the header")
        typ = json_loads_object(decoded, what="the header").get("typ")
    except MalformedError:
        return None
    return _TYPS.get(str(typ).removeprefix("application/"))


def _is_json(text: str | JsonObject) -> bool:
    return isinstance(text, dict) or text.lstrip(" \t\r\n").startswith(_OPENING)


def _json(text: str | JsonObject, what: str, max_bytes: int) -> JsonObject:
    if isinstance(text, dict):
        return text
    return json_loads_object(text, what=what, max_bytes=max_bytes)


def _from_proofs(value: JsonObject, contexts: Contexts) -> Secured:
    unsecured, proofs = split_proofs(value)
    return Secured(
        document=unsecured,
        signatures=tuple(_signature(unsecured, proof, proofs, contexts) for proof in proofs),
    )


def _signature(
    unsecured: JsonObject, proof: Proof, others: tuple[Proof, ...], contexts: Contexts
) -> Signature:
    return Signature(
        key_id=proof.key_id,
        purpose=proof.purpose,
        created=proof.created,
        not_before=None,
        expires=proof.expires,
        challenge=proof.challenge,
        domains=proof.domains,
        verify=partial(_verify_proof, unsecured, proof, others, contexts),
    )


def _verify_proof(
    unsecured: JsonObject,
    proof: Proof,
    others: tuple[Proof, ...],
    contexts: Contexts,
    key: PublicKey,
) -> None:
    verify_proof(unsecured, proof, key, others=others, contexts=contexts)


def _from_jose(text: str, typ: str, max_bytes: int) -> Secured:
    if not text.isascii():
        raise MalformedError(f"the {typ} has characters beyond ASCII")
    found = parse_jose(text, typ=typ, max_bytes=max_bytes)
    signature = Signature(
        key_id=found.key_id,
        purpose=None,
        created=found.issued_at,
        not_before=found.not_before,
        expires=found.expires_at,
        challenge=found.nonce,
        domains=found.audiences,
        verify=partial(verify_jws, found.jws),
    )
    return Secured(document=found.document, signatures=(signature,))
