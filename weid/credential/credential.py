"""A credential: SD-JWT VC (`dc+sd-jwt`) as we issue and take it, and its issuance anchor.

`Credential.parse` settles form alone. Whose key it is, whether the signature holds and what the
registry says of it are asked above; each question has its method here, so that each failure has its
own place in a report.
Clauses CP-04 … CP-09 of specs/credential-profile.md.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Final

from weid import limits
from weid.credential.credential_type import CredentialType
from weid.credential.issuance_anchor import IssuanceAnchor
from weid.credential.issuer_chain import MEMBER, read_issuer_chain, require_chain_of
from weid.credential.reconstruction import Reconstruction, holds_reserved
from weid.credential.registered_claims import ALWAYS_CLEAR, REGISTERED_CLAIMS
from weid.credential.sd_jwt import DECOYS, SdJwt, issue_sd_jwt, reconstruct
from weid.credential.status_list import StatusReference
from weid.credential.template import CredentialTemplate
from weid.crypto.keys import PublicKey, RandomBytes
from weid.crypto.signer import Signer
from weid.did.syntax import DidUrl
from weid.encoding import JsonObject
from weid.errors import MalformedError

if TYPE_CHECKING:
    from weid.crypto.certificates import CertificateChain

__all__ = ["TYP", "Credential", "IssuanceAnchor", "create_credential"]

TYP: Final = "dc+sd-jwt"
_WHAT: Final = "the credential"


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential or presentation whose form is right; nothing of it is verified yet.

    `stated_issuer` is its `iss`, None where a certificate chain names the issuer; times are
    seconds, None where the claim is absent; `vct_integrity` is None where it is absent. `anchor`
    comes beside the text and is never part of it.
    """

    sd_jwt: SdJwt = field(repr=False)
    stated_issuer: str | None
    vct: str
    vct_integrity: str | None
    issued_at: int
    not_before: int | None
    expires_at: int | None
    anchor: IssuanceAnchor | None = None

    @classmethod
    def parse(cls, text: str, anchor: IssuanceAnchor | None = None) -> Credential:
        """Read a credential, with or without a key binding.

        Raises:
            MalformedError: no SD-JWT of typ dc+sd-jwt, a registered claim missing or of another
                kind, or an audience, which is not for us to judge.
            UnsupportedAlgorithmError: its `alg` is neither EdDSA nor ES256.
        """
        sd_jwt = SdJwt.parse(text)
        if sd_jwt.issuer_jws.header["typ"] != TYP:
            raise MalformedError(f"typ of {_WHAT} is not {TYP}")
        payload = sd_jwt.payload()
        chained = MEMBER in sd_jwt.issuer_jws.header
        if "aud" in payload:
            raise MalformedError(f"{_WHAT} is for an audience of its own")
        return cls(
            sd_jwt=sd_jwt,
            stated_issuer=_text(payload, "iss") if "iss" in payload or not chained else None,
            vct=_text(payload, "vct"),
            vct_integrity=_text(payload, "vct#integrity") if "vct#integrity" in payload else None,
            issued_at=_time(payload, "iat"),
            not_before=_time(payload, "nbf") if "nbf" in payload else None,
            expires_at=_time(payload, "exp") if "exp" in payload else None,
            anchor=anchor,
        )

    @property
    def text(self) -> str:
        """The credential as it travels."""
        return self.sd_jwt.text

    @property
    def type(self) -> CredentialType:
        """Network, id and version of its template.

        Raises:
            MalformedError: its `vct` does not name a template.
        """
        return CredentialType.parse(self.vct)

    @property
    def issuer(self) -> str:
        """Who is said to have issued it: `iss`, else the DID that its certificate chain names.

        Raises:
            CertificateError: there is no `iss`, and the chain names no one.
        """
        return str(self.key_url.did) if self.stated_issuer is None else self.stated_issuer

    @property
    def key_url(self) -> DidUrl:
        """Which key is said to have signed it: a DID URL of the issuer, by `kid` or `x5c`.

        Nothing else in the header names a key, and none of it is the key (clause VF-40).

        Raises:
            MalformedError: `iss` or `kid` is missing or no DID, or of two DIDs.
            CertificateError: a certificate chain that names no key, or another's.
        """
        header = self.sd_jwt.issuer_jws.header
        if MEMBER in header:
            return read_issuer_chain(header, issuer=self.stated_issuer).url
        key_id = header.get("kid")
        if not isinstance(key_id, str):
            raise MalformedError(f"the kid of {_WHAT} is missing or not text")
        url = DidUrl.parse(key_id)
        if not url.fragment or url.query:
            raise MalformedError(f"the kid of {_WHAT} does not name one key")
        if str(url.did) != self.stated_issuer:
            raise MalformedError(f"the kid of {_WHAT} is of another DID than iss")
        return url

    @property
    def holder_key(self) -> PublicKey | None:
        """The key that `cnf` binds it to, None for a credential without a holder's key.

        Raises:
            MalformedError: `cnf` holds anything but one public JWK that is somebody's alone.
            UnsupportedAlgorithmError: a key of another kind.
        """
        payload = self.sd_jwt.payload()
        if "cnf" not in payload:
            return None
        confirmation = payload["cnf"]
        if not isinstance(confirmation, dict) or set(confirmation) != {"jwk"}:
            raise MalformedError(f"cnf of {_WHAT} does not hold a jwk and nothing else")
        key = PublicKey.from_jwk(confirmation["jwk"])
        _ = key.algorithm  # a key that cannot sign binds nobody
        return key

    @property
    def status_reference(self) -> StatusReference | None:
        """Where its status is, None for a credential that names none.

        Raises:
            MalformedError: a status of another form or mechanism.
        """
        payload = self.sd_jwt.payload()
        return StatusReference.parse(payload["status"]) if "status" in payload else None

    def reconstruct(self) -> Reconstruction:
        """Return all claims that it shows, registered ones included.

        Raises:
            MalformedError: a rule of RFC 9901 section 7.1 is broken, or a claim that is never
                withheld came in a disclosure.
        """
        payload = self.sd_jwt.payload()
        for name in ("cnf", "status"):
            value = payload.get(name)
            if isinstance(value, dict | list) and holds_reserved(value):
                raise MalformedError(f"{name} of {_WHAT} has parts that are withheld")
        reconstruction = reconstruct(self.sd_jwt)
        for place in reconstruction.places:
            if place[0] in ALWAYS_CLEAR:
                raise MalformedError(f"{place[0]} of {_WHAT} came in a disclosure")
        return reconstruction


def subject_claims(claims: JsonObject) -> JsonObject:
    """Return the claims of the template: all but the registered ones."""
    return {name: value for name, value in claims.items() if name not in REGISTERED_CLAIMS}


def create_credential(  # noqa: PLR0913 - what a credential says, each named
    template: CredentialTemplate,
    claims: JsonObject,
    *,
    issuer: str,
    kid: str,
    signer: Signer,
    issued_at: int,
    expires_at: int,
    holder_key: PublicKey | None,
    status: StatusReference | None,
    chain: CertificateChain | None = None,
    zone: tzinfo = UTC,
    random: RandomBytes = secrets.token_bytes,
    decoys: int = DECOYS,
) -> Credential:
    """Sign a credential of a published template; whatever the template lets be withheld can be.

    `holder_key` None makes one that is bound to nobody (for paper); `status` None one that cannot
    be revoked. With a `chain` of the signer's key, which must name `kid`, the header has it as
    `x5c` in the place of `kid`, and there is no `iss`. Times are seconds. `zone` is the issuer's
    time zone, in which claims that the template derives are computed.

    Raises:
        CertificateError: a chain of another key or name, or not in force at that time.
        MalformedError: claims that do not conform (the faults are named, the values not), a draft,
            times that leave nothing, a kid that is not of the issuer, or a holder's key that is
            not somebody's alone.
        UnsupportedAlgorithmError: a holder's key that cannot sign.
    """
    if faults := template.check_claims(claims):
        told = "; ".join(str(fault) for fault in faults[:5])
        raise MalformedError(f"the claims do not conform to the template: {told}")
    claims = template.derive(claims, issued_at=issued_at, zone=zone).claims
    if not 0 < expires_at - issued_at <= limits.CREDENTIAL_LIFETIME:
        raise MalformedError(f"the validity of {_WHAT} is empty or too long")
    if chain is not None:
        require_chain_of(chain, kid, signer.public_key, now=issued_at)
    payload: JsonObject = {
        **({"iss": issuer} if chain is None else {}),
        "iat": issued_at,
        "exp": expires_at,
        "vct": template.vct,
        "vct#integrity": template.integrity,
    }
    if holder_key is not None:
        _ = holder_key.algorithm  # a key that cannot sign binds nobody
        holder_key.check_subgroup()
        payload["cnf"] = {"jwk": holder_key.to_jwk()}
    if status is not None:
        payload["status"] = status.to_json()
    text = issue_sd_jwt(
        {**payload, **claims},
        disclosable=template.withholdable_in(claims),
        signer=signer,
        typ=TYP,
        kid=kid if chain is None else None,
        x5c=None if chain is None else chain.to_x5c(),
        random=random,
        decoys=decoys,
    )
    credential = Credential.parse(text)
    if str(credential.key_url.did) != issuer:
        raise MalformedError(f"the key of {_WHAT} is of another DID than its issuer")
    return credential


def _text(payload: JsonObject, name: str) -> str:
    value = payload.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= limits.DID_CHARS:
        raise MalformedError(f"{name} of {_WHAT} is missing or not text")
    return value


def _time(payload: JsonObject, name: str) -> int:
    value = payload.get(name)
    if type(value) is not int or not 0 <= value <= limits.SAFE_INTEGER:
        raise MalformedError(f"{name} of {_WHAT} is missing or not a time in whole seconds")
    return value
