"""Which registries this person trusts: `trust.json` in the home folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from weid.cli.home import write_private
from weid.did.syntax import check_network
from weid.encoding import JsonObject, json_loads_object
from weid.errors import MalformedError

FILE = "trust.json"
HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class NetworkTrust:
    """One trusted network: its genesis hash, the nodes to ask and a bundle for offline use.

    `private_hosts` are further hosts that may have inner addresses, such as those that serve
    status lists within an agency; the nodes' own hosts always may. `unsafe_loopback_http` allows
    http to this machine, for development.
    """

    name: str
    genesis_hash: bytes
    nodes: tuple[str, ...] = ()
    bundle: Path | None = None
    private_hosts: tuple[str, ...] = ()
    unsafe_loopback_http: bool = False

    def to_json(self) -> JsonObject:
        """Return the entry as it stands in the file."""
        value: JsonObject = {"genesis_hash": self.genesis_hash.hex(), "nodes": list(self.nodes)}
        if self.bundle is not None:
            value["bundle"] = str(self.bundle)
        if self.private_hosts:
            value["private_hosts"] = list(self.private_hosts)
        if self.unsafe_loopback_http:
            value["unsafe_loopback_http"] = True
        return value

    @property
    def inner_hosts(self) -> frozenset[str]:
        """Every host that the operator set, which may therefore have a private address."""
        return frozenset({host_of(node) for node in self.nodes} | set(self.private_hosts))


def parse_genesis_hash(text: str) -> bytes:
    """Read a genesis hash of 64 hexadecimal digits.

    Raises:
        MalformedError: it is none.
    """
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != HASH_BYTES or text != text.lower():
        raise MalformedError(
            "the genesis hash is not 64 lower-case hexadecimal digits",
            hint="ask the operator of the registry; `registry-chain status` prints it.",
        )
    return value


def load_trust(home: Path) -> dict[str, NetworkTrust]:
    """Read the trusted networks by name; none where there is no file yet."""
    path = home / FILE
    if not path.exists():
        return {}
    networks = json_loads_object(path.read_bytes(), what=str(path)).get("networks")
    if not isinstance(networks, dict):
        raise MalformedError(f"{path} has no object 'networks'")
    return {name: _entry(path, name, entry) for name, entry in networks.items()}


def _entry(path: Path, name: str, entry: object) -> NetworkTrust:
    if not isinstance(entry, dict):
        raise MalformedError(f"{path}: the entry of {name} is not an object")
    check_network(name)
    bundle = entry.get("bundle")
    return NetworkTrust(
        name=name,
        genesis_hash=parse_genesis_hash(str(entry.get("genesis_hash", ""))),
        nodes=_texts(path, name, entry, "nodes"),
        bundle=Path(bundle) if isinstance(bundle, str) else None,
        private_hosts=_texts(path, name, entry, "private_hosts"),
        unsafe_loopback_http=entry.get("unsafe_loopback_http") is True,
    )


def _texts(path: Path, name: str, entry: JsonObject, member: str) -> tuple[str, ...]:
    value = entry.get(member, [])
    if not isinstance(value, list):
        raise MalformedError(f"{path}: {member} of {name} is not a list")
    texts = tuple(text for text in value if isinstance(text, str))
    if len(texts) != len(value):
        raise MalformedError(f"{path}: {member} of {name} is not a list of texts")
    return texts


def host_of(url: str) -> str:
    """Return the host name in an address, in lower case; empty where there is none."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - only with a network

    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def save_trust(home: Path, networks: dict[str, NetworkTrust]) -> None:
    """Write the trusted networks; the old file stays whole until the new one is."""
    value = {"networks": {name: trust.to_json() for name, trust in sorted(networks.items())}}
    write_private(home / FILE, json.dumps(value, indent=1, ensure_ascii=False) + "\n")
