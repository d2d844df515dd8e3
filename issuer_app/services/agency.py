"""The issuing organisation towards the registry: its DID, its keys, and what they sign.

The private keys live in this object of this process and nowhere else; nothing gives them out.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from weid.clock import Clock
from weid.credential.credential import TYP, create_credential
from weid.credential.sd_jwt import issue_sd_jwt
from weid.credential.status_list import StatusList, StatusReference, create_status_token
from weid.credential.template import CredentialTemplate
from weid.crypto.certificates import CertificateChain
from weid.crypto.keys import PublicKey
from weid.crypto.signer import Signer
from weid.did.methods.key import key_did
from weid.encoding import JsonObject
from weid.errors import CertificateError, MalformedError, NotFoundError
from weid.issuer import ASSERTION_KEY, Issuer
from weid.issuing.jwt_vc_issuer import jwt_vc_issuer_metadata
from weid.openid4vci.signed_metadata import MetadataSigner
from weid.registry.operations import AnchorBatch, PublishStatusList
from weid.registry.registry import Registry
from weid.w3c.create import SigningKey

_PURPOSE: Final = "issuance"
_SECRETS: Final = secrets.token_bytes


@dataclass(frozen=True, slots=True)
class NewCredential:
    """What one credential is made of; `holder` None and `paper` True for one on paper.

    `with_chain` signs it with the agency's certificate chain in the place of its DID.
    """

    template: CredentialTemplate
    claims: JsonObject
    holder: PublicKey | None
    status_uri: str
    status_index: int
    paper: bool = False
    with_chain: bool = False


@dataclass(frozen=True, slots=True)
class StatusContent:
    """A status list: its address, its template, its form, and the statuses that are not valid."""

    uri: str
    cpt_id: str
    bits: int
    size: int
    statuses: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class PublishedList:
    """A status list as the registry has it now, with its signed token (times in seconds)."""

    sequence: int
    token: str
    expires_at: int


class Agency:
    """One organisation that issues.

    `organisation` is its id in the store; `issuer` its role in the library, `signer` the key that
    signs credentials and lists (`kid` names it); `status_ttl` and `status_valid` are seconds.
    `chain` is the certificate chain of that key, for wallets that want one.
    """

    def __init__(  # noqa: PLR0913 - who it is, what it signs with, where it writes
        self,
        organisation: str,
        name: str,
        *,
        issuer: Issuer,
        signer: Signer,
        registry: Registry,
        clock: Clock,
        status_ttl: int,
        status_valid: int,
        chain: CertificateChain | None = None,
    ) -> None:
        self.organisation = organisation
        self.name = name
        self.did = issuer.did
        self._kid = f"{issuer.did}#{ASSERTION_KEY}"
        self._issuer = issuer
        self._signer = signer
        self._registry = registry
        self._clock = clock
        self._status_ttl = status_ttl
        self._status_valid = status_valid
        self._chain = chain
        self.algorithm = signer.algorithm
        self._publishing = threading.Lock()

    @property
    def metadata_signer(self) -> MetadataSigner:
        """Return who signs the issuer's metadata: the key that signs its credentials."""
        return MetadataSigner(self._signer, self._key_header)

    def _key_header(self) -> JsonObject:
        """Return how strangers find the key: by its chain while there is one in force."""
        if self._chain is not None and self._chain.is_in_force(self._clock.now()):
            return {"x5c": self._chain.to_x5c()}
        return {"kid": self._kid}

    def require_registry(self) -> None:
        """Ask the registry for its head.

        Raises:
            RegistryError: it does not answer, or not with proof.
        """
        self._registry.head()

    def has_chain(self) -> bool:
        """Tell whether there is a certificate chain that is in force now."""
        return self._chain is not None and self._chain.is_in_force(self._clock.now())

    def web_metadata(self, address: str) -> JsonObject:
        """Return the keys that the registry has of this issuer, for its web address (VF-47).

        Raises:
            RegistryError: it does not answer, or does not have this issuer.
        """
        record = self._registry.did(self.did)
        if record is None:
            raise NotFoundError(f"the registry does not have {self.did}")
        return jwt_vc_issuer_metadata(address, record, now=self._clock.now())

    def publish_template(self, draft: CredentialTemplate) -> CredentialTemplate:
        """Publish a draft as the next version of its template; the same text is published once.

        Raises:
            RegistryError: the registry refuses or does not answer.
        """
        return self._issuer.publish(draft)

    def sign(self, new: NewCredential) -> str:
        """Sign a credential.

        Raises:
            MalformedError: the claims do not conform to the template, which the check before
                would have found.
            CertificateError: `with_chain`, and there is none that is in force.
        """
        now = self._clock.now()
        if new.with_chain and self._chain is None:
            raise CertificateError("the agency has no certificate chain", "malformed")
        if new.paper:
            return self._sign_paper(new, now)
        return create_credential(
            new.template,
            new.claims,
            issuer=self.did,
            kid=self._kid,
            signer=self._signer,
            issued_at=now,
            expires_at=new.template.expires_at(now),
            holder_key=new.holder,
            status=StatusReference(new.status_uri, new.status_index),
            chain=self._chain if new.with_chain else None,
            zone=self._issuer.zone,
        ).text

    def _sign_paper(self, new: NewCredential, now: int) -> str:
        """Sign a credential without disclosures and without a bound key, as a WI3 code needs it."""
        if new.template.check_claims(new.claims):
            raise MalformedError("the claims do not conform to the template")
        claims = new.template.derive(new.claims, issued_at=now, zone=self._issuer.zone).claims
        payload: JsonObject = {
            "iss": self.did,
            "iat": now,
            "exp": new.template.expires_at(now),
            "vct": new.template.vct,
            "vct#integrity": new.template.integrity,
            "status": StatusReference(new.status_uri, new.status_index).to_json(),
        }
        return issue_sd_jwt(
            {**payload, **claims},
            disclosable=(),
            signer=self._signer,
            typ=TYP,
            kid=self._kid,
            random=_SECRETS,
        )

    def signing_key(self, *, as_did_key: bool) -> SigningKey:
        """Return who signs W3C credentials: our did:weid, or the did:key of the same key."""
        if not as_did_key:
            return SigningKey(self.did, self._kid, self._signer)
        did = key_did(self._signer.public_key)
        return SigningKey(did, f"{did}#{did.removeprefix('did:key:')}", self._signer)

    def publish_status(self, content: StatusContent) -> PublishedList:
        """Put a list's digest into the registry, where it is another, and sign the list.

        Raises:
            RegistryError: the registry refuses or does not answer.
        """
        with self._publishing:
            statuses = StatusList.create(content.size, bits=content.bits).set_all(content.statuses)
            record = self._registry.status_list(self.did, content.uri)
            sequence = 1 if record is None else record.sequence
            if record is None or record.digest != statuses.digest:
                sequence = 1 if record is None else record.sequence + 1
                self._issuer.author.submit(
                    PublishStatusList(
                        content.uri,
                        content.cpt_id,
                        content.bits,
                        content.size,
                        sequence,
                        statuses.digest,
                    )
                )
            now = self._clock.now()
            token = create_status_token(
                statuses,
                uri=content.uri,
                issued_at=now,
                ttl=self._status_ttl,
                expires_at=now + self._status_valid,
                kid=self._kid,
                signer=self._signer,
                chain=self._chain,
            )
            return PublishedList(sequence, token, now + self._status_valid)

    def anchor(self, root: bytes, count: int) -> None:
        """Put the root of an issuing run into the registry, unless this issuer's is there already.

        Raises:
            RegistryError: the registry refuses or does not answer.
        """
        if self._registry.batch(self.did, root) is None:
            self._issuer.author.submit(AnchorBatch(root, count, _PURPOSE))
