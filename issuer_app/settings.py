"""The settings of one server: read from a TOML or JSON file, then from WEID_* variables.

Secrets are never settings: the session secret and the passphrase of the issuer's key are in files
of mode 0600 (or come through a file descriptor), named here by their paths.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from issuer_app.errors import SettingsError
from issuer_app.listening import split_address
from issuer_app.wallet_settings import WalletSettings
from weid import limits

SECRET_BYTES: Final = 32
"""Least length of the session secret."""
_PREFIX: Final = "WEID_"
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){0,8}")
_EXAMPLE: Final = "issuer_app/settings.example.toml shows one."


class Settings(BaseModel):
    """Everything an operator chooses; one PUBLIC_URL is used for every link and identifier."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    public_url: str
    """Where browsers and wallets find this server, such as https://issuer.example, or with a path
    https://gov.example/issuer. A proxy may pass the path on or strip it."""
    data_dir: Path
    """Holds issuer.sqlite, secret.key, passphrase and keys/."""
    listen: str = "127.0.0.1:8480"
    """host:port; port 0 takes any free one."""
    threads: Annotated[int, Field(ge=2, le=64)] = 16
    """Requests that are worked on at once; those for credentials mostly wait for the registry."""
    debug: bool = False
    """Refused by the server; it exists so that asking for it is noticed."""
    secret_key_file: Path | None = None
    """Session secret; by default secret.key in data_dir."""
    issuer_keys: Path | None = None
    """Folder of the issuer's encrypted key files; by default keys in data_dir."""
    passphrase_file: Path | None = None
    """Passphrase of the issuer's key; by default passphrase in data_dir."""
    certificate_chain_file: Path | None = None
    """Certificate chain (PEM, leaf first, without the root) of the key that signs; None for none.

    With one, wallets are offered a second configuration of each template, signed with it.
    """
    passphrase_descriptor: int | None = None
    """An open file descriptor to read the passphrase from, instead of a file."""
    node_url: str = ""
    genesis_hash: str = ""
    organisation: str = ""
    """Which organisation of the store this server issues for; the only one when empty."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose X-Forwarded-For is believed."""
    max_upload_bytes: Annotated[int, Field(ge=1024, le=512 * 2**20)] = 32 * 2**20
    idle_minutes: Annotated[int, Field(ge=1, le=480)] = 30
    session_hours: Annotated[int, Field(ge=1, le=24)] = 12
    offer_minutes: Annotated[int, Field(ge=1, le=60 * 24 * 90)] = 60 * 24 * 14
    """How long an officer's offer to a citizen can be redeemed."""
    status_list_size: Annotated[
        int, Field(ge=limits.STATUS_LIST_MIN_ENTRIES, le=2**24, multiple_of=8)
    ] = 2**20
    status_ttl_seconds: Annotated[int, Field(ge=60, le=7 * 86_400)] = 12 * 3600
    """How long a verifier without the registry may keep a status list."""
    status_valid_seconds: Annotated[int, Field(ge=300, le=30 * 86_400)] = 7 * 86_400
    anchor_seconds: Annotated[int, Field(ge=1, le=60)] = 5
    """Longest wait between two rounds of the background work, which anchors what was signed."""
    time_zone: str = "UTC"
    password_cost: Literal["interactive", "moderate"] = "interactive"  # noqa: S105 - a name
    sign_ins_per_minute: Annotated[int, Field(ge=1)] = 30
    tokens_per_minute: Annotated[int, Field(ge=1)] = 300
    api_calls_per_minute: Annotated[int, Field(ge=1)] = 600
    """Requests to /api/v1 that one address may make."""
    vc_api: Literal["off", "weid", "key"] = "off"
    """Whether /credentials/issue exists, for the W3C's test suites: issuing as our did:weid, or as
    the did:key of the same key. It signs whatever an officer's token sends: never in service."""
    vc_api_status: bool = False
    """Give what /credentials/issue signs a place in a status list, shown as Bitstring Status Lists,
    and let /credentials/status change it."""

    wallets: WalletSettings = WalletSettings()
    """What is demanded of wallets, and which may use the authorization page."""

    @field_validator("public_url")
    @classmethod
    def _an_address_of_ours(cls, url: str) -> str:
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username:
            raise ValueError("public_url must be https://host")
        if "?" in url or "#" in url or _PATH.fullmatch(parts.path) is None:
            raise ValueError(
                "public_url may have a plain path such as /issuer behind its host, nothing else"
            )
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("public_url may be http only on this machine's loopback")
        return url.rstrip("/")

    @field_validator("listen")
    @classmethod
    def _an_address(cls, address: str) -> str:
        split_address(address)
        return address

    @field_validator("time_zone")
    @classmethod
    def _a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("no such time zone") from error
        return name

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ipaddress.ip_address(proxy)) for proxy in proxies)

    @model_validator(mode="after")
    def _not_debug(self) -> Self:
        if self.debug:
            raise ValueError("debug is not available in this server")
        return self

    @property
    def secure(self) -> bool:
        """True where the browser speaks TLS, so that cookies are Secure and __Host-."""
        return self.public_url.startswith("https://")

    @property
    def public_path(self) -> str:
        """The path of `public_url`; empty where it has none."""
        return urlsplit(self.public_url).path

    @property
    def public_origin(self) -> str:
        """Scheme and host of `public_url`, as browsers name where a form comes from."""
        return self.public_url.removesuffix(self.public_path)

    @property
    def database_path(self) -> Path:
        """The store."""
        return self.data_dir / "issuer.sqlite"

    @property
    def pause_path(self) -> Path:
        """While there is a file here, wallets get nothing: every endpoint answers 503."""
        return self.data_dir / "issuing.paused"

    @property
    def keys_path(self) -> Path:
        """The folder of the issuer's encrypted key files."""
        return self.issuer_keys or self.data_dir / "keys"

    def secret_key(self) -> bytes:
        """Return the session secret.

        Raises:
            SettingsError: there is none, it is too short, or others may read its file.
        """
        return read_secret(self.secret_key_file or self.data_dir / "secret.key", least=SECRET_BYTES)

    def passphrase(self) -> str:
        """Return the passphrase of the issuer's key, from the descriptor or the file."""
        if self.passphrase_descriptor is not None:
            with os.fdopen(os.dup(self.passphrase_descriptor), "rb") as stream:
                return stream.read(4096).decode("utf-8").strip()
        return read_text_secret(self.passphrase_file or self.data_dir / "passphrase", least=12)


def is_loopback(host: str) -> bool:
    """Return whether a host name means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def read_secret(path: Path, *, least: int) -> bytes:
    """Return the bytes of a secret file.

    Raises:
        SettingsError: missing, shorter than `least` bytes, or open to group or others.
    """
    try:
        mode = path.stat().st_mode
        secret = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror}", hint="issuer-app init makes what is missing"
        ) from error
    require_private(path, mode)
    if len(secret.strip()) < least:
        short = "is empty" if least == 1 else f"holds fewer than {least} bytes"
        raise SettingsError(f"{path} {short}", hint="put the right one there.")
    return secret


def read_text_secret(path: Path, *, least: int) -> str:
    """Return the text of a secret file, without the line break at its end.

    Raises:
        SettingsError: as `read_secret`, or the file is not text in UTF-8.
    """
    try:
        return read_secret(path, least=least).decode("utf-8").strip()
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not text in UTF-8", hint="save it as UTF-8.") from None


def require_private(path: Path, mode: int | None = None) -> None:
    """Refuse a file that group or others may read or write."""
    mode = path.stat().st_mode if mode is None else mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(
            f"{path} is open to other users (mode {stat.S_IMODE(mode):04o})",
            hint=f"chmod 600 {path}",
        )


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a TOML or JSON file, overridden by WEID_* variables.

    Raises:
        SettingsError: names the setting that is wrong, never its value.
    """
    values = _values_of(path) if path is not None else {}
    for name in Settings.model_fields:
        given = environ.get(_PREFIX + name.upper())
        if given is not None:
            values[name] = given.split(",") if name == "trusted_proxies" else given
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'settings'}:"
            f" {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        )
        raise SettingsError(
            f"settings are not usable: {wrong}",
            hint=f"name a file with --settings before the command; {_EXAMPLE}",
        ) from None


def _values_of(path: Path) -> dict[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read as settings: {error}", hint=_EXAMPLE) from error
    if not isinstance(values, dict):
        raise SettingsError(f"{path} is not an object of settings", hint=_EXAMPLE)
    return values
