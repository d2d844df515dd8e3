"""What a verifier's counter is set up with: one TOML file, read once at start."""

from __future__ import annotations

import ipaddress
import os
import stat
import tomllib
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from verifier_app.wallet_settings import WalletSettings
from weid.crypto.keys import KeyKind, PublicKey
from weid.errors import CryptoError, MalformedError, WeidError
from weid.verification.stated_purpose import StatedPurpose

SECRET_KEY_CHARACTERS = 32


class Wish(BaseModel):
    """A saved request: which fields of which certificate, and what for.

    `title` and `purpose` are by language code, with `en` at least; `fields` are claim paths such
    as `name` or `address.city`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    title: dict[str, str]
    purpose: dict[str, str]
    network: str
    cpt_id: str
    version: Annotated[int, Field(ge=1)] = 1
    fields: Annotated[list[str], Field(min_length=1, max_length=32)]

    @field_validator("title", "purpose")
    @classmethod
    def has_english(cls, texts: dict[str, str]) -> dict[str, str]:
        """English is what every other language falls back to."""
        if not texts.get("en"):
            raise ValueError("needs a text for 'en'")
        return texts

    @field_validator("purpose")
    @classmethod
    def can_be_told(cls, texts: dict[str, str]) -> dict[str, str]:
        """Wallets read it too: lines of text by locale."""
        try:
            StatedPurpose.create(texts)
        except WeidError as error:
            raise ValueError(error.message) from None
        return texts


class TrustedNetworkSettings(BaseModel):
    """One registry network: its nodes, or a trust bundle file for offline use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    genesis_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    nodes: list[str] = []
    bundle: Path | None = None
    webhook_keys: list[str] = []
    """Keys (z6Mk…) by which nodes sign webhooks to `<public_url>/hooks/<name>`; none: not taken."""

    @field_validator("webhook_keys")
    @classmethod
    def usable_keys(cls, keys: list[str]) -> list[str]:
        """Each an Ed25519 key, as `registry-chain webhooks key` shows it."""
        try:
            kinds = {PublicKey.from_multikey(key).kind for key in keys}
        except (MalformedError, CryptoError):
            raise ValueError("is not a list of keys such as z6Mk…") from None
        if not kinds <= {KeyKind.ED25519}:
            raise ValueError("has a key that is not an Ed25519 key")
        return keys

    @model_validator(mode="after")
    def one_source(self) -> TrustedNetworkSettings:
        """Either nodes or a bundle: never a guess between two states of the registry."""
        if bool(self.nodes) == (self.bundle is not None):
            raise ValueError("set either 'nodes' or 'bundle'")
        if self.webhook_keys and self.bundle is not None:
            raise ValueError("'webhook_keys' are for 'nodes': a bundle does not change")
        return self


class Settings(BaseModel):
    """The whole set-up of one counter.

    `public_url` is where browsers reach it and the audience of every answer; `head_file` keeps the
    newest registry head seen, so that a rolled-back registry is noticed after a restart.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    public_url: str
    secret_key: Annotated[str, Field(min_length=SECRET_KEY_CHARACTERS, repr=False)]
    counter_name: str = "Verifier"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8002
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose X-Forwarded-For is believed, so that limits count the true caller."""
    networks: Annotated[list[TrustedNetworkSettings], Field(min_length=1)]
    wishes: list[Wish] = []
    allow_shown: bool = False
    allow_unbound: bool = False
    auto_clear_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    request_seconds: Annotated[int, Field(ge=30, le=3600)] = 300
    head_folder: Path
    certificate_authorities: list[Path] = []
    """Certificates (PEM) to one of which the chain of an issuer that signs with one must lead. What
    the registry says of its key counts in any case; none: the registry alone decides."""
    wallets: WalletSettings | None = None
    """How wallets are asked online; None: they are not."""
    unsafe_loopback_http: bool = False
    """Lets nodes and status lists be asked by http on this machine; for trials."""
    vc_api: bool = False
    """Whether /credentials/verify and /presentations/verify exist, for the W3C's test suites. They
    say whether something is well signed, never whether its issuer counts."""

    @field_validator("public_url")
    @classmethod
    def usable_url(cls, url: str) -> str:
        """Https, or http on loopback for development; no path, no trailing slash."""
        parts = urlsplit(url)
        if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
            raise ValueError("must be scheme and host only, such as https://verify.example")
        if parts.scheme != "https" and not (parts.scheme == "http" and on_loopback(url)):
            raise ValueError("must be https (http only on loopback)")
        return url.rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def addresses(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        """Addresses, no names."""
        return tuple(str(ipaddress.ip_address(proxy)) for proxy in proxies)

    @model_validator(mode="after")
    def askable_nodes(self) -> Settings:
        """Https, or http on loopback where that is allowed: other nodes would never be reached."""
        for url in (url for network in self.networks for url in network.nodes):
            parts = urlsplit(url)
            plain = parts.scheme == "http" and on_loopback(url)
            if plain and not self.unsafe_loopback_http:
                raise ValueError(f"the node {url} needs unsafe_loopback_http = true (for trials)")
            if not parts.hostname or not (plain or parts.scheme == "https"):
                raise ValueError(f"the node {url} must be https (http only on loopback)")
        return self

    @model_validator(mode="after")
    def known_names(self) -> Settings:
        """Each network and saved request once, and no request for an unknown network."""
        networks = [network.name for network in self.networks]
        wishes = [wish.id for wish in self.wishes]
        for what, names in (("networks", networks), ("wishes", wishes)):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what} has {twice[0]} twice")
        for wish in self.wishes:
            if wish.network not in networks:
                raise ValueError(f"the wish {wish.id} names no network of these settings")
        return self

    @property
    def development(self) -> bool:
        """Whether this counter is reached by http on this machine only."""
        return self.public_url.startswith("http://")


def on_loopback(url: str) -> bool:
    """Whether the host of a URL is this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(path: Path) -> Settings:
    """Read the settings file.

    Raises:
        MalformedError: the file cannot be read, others may read the secret in it, or a setting is
            wrong; names it, never its value.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            values = tomllib.load(file)
        if "secret_key" in values:
            _require_private(path, mode)
        return Settings.model_validate(values)
    except OSError as error:
        raise MalformedError(
            f"the settings file {path} cannot be read: {error.strerror}",
            hint="copy verifier_app/settings.example.toml and edit it.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MalformedError(
            f"the settings file {path} is not TOML: {error}",
            hint="verifier_app/settings.example.toml shows the form.",
        ) from None
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'settings'}:"
            f" {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise MalformedError(
            f"the settings file {path} is wrong at {faults}",
            hint="verifier_app/settings.example.toml shows every setting.",
        ) from None


def _require_private(path: Path, mode: int) -> None:
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise MalformedError(
            f"the settings file {path} holds secret_key and is open to other users"
            f" (mode {stat.S_IMODE(mode):04o})",
            hint=f"chmod 600 {path}",
        )
