"""The settings about wallets: which are known, what is demanded of them, how offers reach them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from issuer_app.errors import SettingsError
from weid.clock import Clock
from weid.crypto.certificates import Certificate, certificates_from_pem
from weid.crypto.keys import PublicKey
from weid.errors import CertificateError, WeidError
from weid.oauth.attester_chains import AttesterChains
from weid.oauth.client_attestation import TrustedAttesters
from weid.oauth.clients import PublicClient
from weid.openid4vci.authorization_policy import AuthorizationPolicy, FindApproval
from weid.openid4vci.credential import PROOFS
from weid.openid4vci.issuance_policy import BATCH_SIZE, IssuancePolicy


class KnownWallet(BaseModel):
    """A wallet that may send citizens to the authorization page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str = Field(min_length=1, max_length=512)
    redirect_uris: tuple[str, ...] = Field(min_length=1)
    """Where it may be sent back to, compared character by character."""

    @model_validator(mode="after")
    def _usable(self) -> Self:
        try:
            PublicClient(self.client_id, self.redirect_uris)
        except WeidError as error:
            raise ValueError(error.message) from None
        return self


class WalletSettings(BaseModel):
    """The table `[wallets]`; without known wallets and attesters there is no page for citizens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    known: tuple[KnownWallet, ...] = ()
    attesters: tuple[dict[str, Any], ...] = ()
    """Public JWKs of makers of wallets whose attestations count."""
    attester_authorities: tuple[Path, ...] = ()
    """Certificates (PEM) of authorities that certify makers of wallets, and nobody else."""
    attestation_required: bool = False
    attestation_challenge_required: bool = False
    dpop_required: bool = False
    """Refuse Bearer tokens."""
    dpop_nonce_required: bool = True
    pushed_required: bool = True
    """Refuse authorization requests that were not pushed (RFC 9126)."""
    batch_size: int = Field(default=BATCH_SIZE, ge=1, le=PROOFS)
    """Copies of a certificate that a wallet may ask for at once, each for a key of its own."""
    key_attesters: tuple[dict[str, Any], ...] = ()
    """Public JWKs of makers of key storages whose attestations count."""
    key_attester_authorities: tuple[Path, ...] = ()
    """Certificates (PEM) of authorities that certify makers of key storages, and nobody else."""
    key_attestation_required: bool = False
    encryption_required: bool = False
    """Refuse credential requests that are not encrypted, or want no encrypted response."""
    offer_grant: Literal["pre-authorized_code", "authorization_code"] = "pre-authorized_code"
    """How new offers are redeemed: by themselves, or on the page with a code of six digits."""

    @field_validator("attesters", "key_attesters")
    @classmethod
    def _keys(cls, keys: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        for key in keys:
            try:
                PublicKey.from_jwk(key).check_subgroup()
            except WeidError as error:
                raise ValueError(error.message) from None
        return keys

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.attestation_required and not (self.attesters or self.attester_authorities):
            raise ValueError("attestation_required needs attesters, else no wallet can come in")
        if self.key_attestation_required and not (
            self.key_attesters or self.key_attester_authorities
        ):
            raise ValueError(
                "key_attestation_required needs key_attesters or key_attester_authorities"
            )
        if self.offer_grant == "authorization_code" and not self.has_page:
            raise ValueError("offers for the page need known wallets or attesters")
        return self

    @property
    def has_page(self) -> bool:
        """Whether any wallet could use the authorization page."""
        return bool(self.known or self.attesters or self.attester_authorities)

    def issuance_policy(self, clock: Clock) -> IssuancePolicy:
        """Return what is demanded of credential requests.

        Raises:
            SettingsError: a file of `key_attester_authorities` cannot be used.
        """
        return IssuancePolicy(
            batch_size=self.batch_size,
            key_attesters=_attesters(
                self.key_attesters,
                self.key_attester_authorities,
                clock,
                setting="key_attester_authorities",
            ),
            key_attestation_required=self.key_attestation_required,
            encryption_required=self.encryption_required,
        )

    def policy(self, find_approval: FindApproval, clock: Clock) -> AuthorizationPolicy:
        """Return the policy of the authorization server.

        Raises:
            SettingsError: a file of `attester_authorities` cannot be used.
        """
        return AuthorizationPolicy(
            find_approval=find_approval if self.has_page else None,
            clients=tuple(
                PublicClient(known.client_id, known.redirect_uris) for known in self.known
            ),
            attesters=_attesters(
                self.attesters, self.attester_authorities, clock, setting="attester_authorities"
            ),
            attestation_required=self.attestation_required,
            attestation_challenge_required=self.attestation_challenge_required,
            dpop_required=self.dpop_required,
            dpop_nonce_required=self.dpop_nonce_required,
            pushed_required=self.pushed_required,
        )


def _attesters(
    keys: tuple[dict[str, Any], ...], files: tuple[Path, ...], clock: Clock, *, setting: str
) -> TrustedAttesters:
    """Return who is trusted to attest: by key, and by a certificate of these authorities."""
    authorities = tuple(one for path in files for one in _authorities(path, setting))
    return TrustedAttesters(
        tuple(PublicKey.from_jwk(key) for key in keys),
        AttesterChains(authorities, clock) if authorities else None,
    )


def _authorities(path: Path, setting: str) -> tuple[Certificate, ...]:
    what = f"wallets.{setting}: {path}"
    try:
        found = certificates_from_pem(path.read_bytes(), what=what)
    except OSError as error:
        raise SettingsError(f"{what} cannot be read: {error.strerror}") from error
    except CertificateError as error:
        raise SettingsError(error.message, hint=error.hint) from None
    if not all(one.is_authority for one in found):
        raise SettingsError(f"{what} holds a certificate that is no authority's")
    return found
