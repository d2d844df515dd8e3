"""Keys, a clock and a store for proofs; and JWS that no honest client writes."""

from __future__ import annotations

from weid.clock import FixedClock
from weid.crypto.jws import create_jws
from weid.crypto.keys import KeyKind, PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import base64url_encode, json_dumps
from weid.oauth.timed_nonce import TimedNonces
from weid.sessions import MemorySessionStore

NOW = 1_790_000_000
URL = "https://issuer.gov.example/tenants/edu/token"
SERVER = "https://issuer.gov.example/tenants/edu"
KEY = InMemorySigner(PrivateKey.from_seed(b"\x41" * 32))
P256_KEY = InMemorySigner(PrivateKey.from_seed(b"\x42" * 32, KeyKind.P256))
OTHER = InMemorySigner(PrivateKey.from_seed(b"\x43" * 32))
SMALL_ORDER = base64url_encode(
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
)


class Surroundings:
    def __init__(self, purpose: str = "test") -> None:
        self.clock = FixedClock(NOW)
        self.sessions = MemorySessionStore(self.clock)
        self.count = 0
        self.nonces = TimedNonces(purpose, b"\x07" * 32, self.clock, self.random)

    def random(self, count: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(count, "big")


def without_none(members: dict) -> dict:
    return {name: value for name, value in members.items() if value is not None}


def signed(header: dict, claims: dict, signer: InMemorySigner = KEY) -> str:
    return create_jws(without_none(header), json_dumps(without_none(claims)), signer)


def unsigned(algorithm: str, header: dict, claims: dict) -> str:
    head = base64url_encode(json_dumps({"alg": algorithm, **header}))
    return f"{head}.{base64url_encode(json_dumps(claims))}.{base64url_encode(bytes(64))}"
