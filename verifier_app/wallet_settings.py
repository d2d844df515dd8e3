"""The settings about asking wallets online: as whom, in which way, and for how long."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from weid.did.syntax import Did, DidUrl
from weid.errors import WeidError
from weid.openid4vp.client_id import Prefix
from weid.openid4vp.presentation_endpoints import KEEP_SECONDS, REQUEST_SECONDS

Identity = Literal["x509_hash", "x509_san_dns", "decentralized_identifier", "redirect_uri"]


class WalletSettings(BaseModel):
    """The table `[wallets]`; without it no wallet is asked online.

    `request_seconds` is how long a request may be answered, `keep_seconds` how long an answer may
    be looked at: both are kept in memory alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    identity: Identity
    """The client identifier prefix: how wallets know who asks (OpenID4VP 1.0 section 5.9.3)."""
    certificate_chain_file: Path | None = None
    """PEM, the leaf first, without the root."""
    key_file: Path | None = None
    """The private key: PEM, or a key file of `weid key`. Mode 0600."""
    passphrase_file: Path | None = None
    """The passphrase of a key file of `weid key`. Mode 0600."""
    key_id: str | None = None
    """The key as the registry has it, such as `did:weid:…#authentication-1`."""
    response_mode: Literal["direct_post.jwt", "direct_post"] = "direct_post.jwt"
    request_seconds: Annotated[int, Field(ge=30, le=3600)] = REQUEST_SECONDS
    keep_seconds: Annotated[int, Field(ge=30, le=86_400)] = KEEP_SECONDS
    post_requests: bool = False
    """Let wallets fetch a request by POST, with a nonce of their own (section 5.10)."""
    policy_publishers: tuple[str, ...] = ()
    """DIDs whose published policies are asked by; none: those of everybody."""
    api_token_file: Path | None = None
    """The token of programs such as `weid verifier request --dcql`. Mode 0600."""

    @field_validator("policy_publishers")
    @classmethod
    def names_publishers(cls, dids: tuple[str, ...]) -> tuple[str, ...]:
        """Each a DID."""
        try:
            return tuple(str(Did.parse(did)) for did in dids)
        except WeidError as error:
            raise ValueError(error.message) from None

    @field_validator("key_id")
    @classmethod
    def names_a_key(cls, text: str | None) -> str | None:
        """A DID URL with a fragment."""
        try:
            named = text is None or bool(DidUrl.parse(text).fragment)
        except WeidError as error:
            raise ValueError(error.message) from None
        if not named:
            raise ValueError("does not name a key: it needs #… at its end")
        return text

    @model_validator(mode="after")
    def has_what_it_needs(self) -> Self:
        """Each way to be known has its files, and no other's."""
        needed = {
            "certificate_chain_file": self.identity.startswith("x509_"),
            "key_file": self.prefix is not Prefix.REDIRECT_URI,
            "key_id": self.prefix is Prefix.DECENTRALIZED_IDENTIFIER,
        }
        for name, wanted in needed.items():
            there = getattr(self, name) is not None
            if wanted and not there:
                raise ValueError(f"identity = {self.identity!r} needs {name}")
            if there and not wanted:
                raise ValueError(f"{name} is not for identity = {self.identity!r}")
        if self.passphrase_file is not None and self.key_file is None:
            raise ValueError("passphrase_file is for key_file")
        return self

    @property
    def prefix(self) -> Prefix:
        """The prefix of the client identifier."""
        return Prefix(self.identity)

    @property
    def encrypted(self) -> bool:
        """Whether answers are to be encrypted unless a request says else."""
        return self.response_mode == "direct_post.jwt"
