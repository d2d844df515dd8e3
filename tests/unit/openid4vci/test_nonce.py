from __future__ import annotations

import threading

import pytest

from tests.support.clauses import clause
from weid.clock import FixedClock
from weid.encoding import base64url_decode, base64url_encode
from weid.errors import ProtocolError
from weid.openid4vci.nonce import NONCE_SECONDS, NonceIssuer
from weid.sessions import MemorySessionStore

SECRET = b"\x07" * 32


class Nonces:
    def __init__(self) -> None:
        self.clock = FixedClock(1_790_000_000)
        self.store = MemorySessionStore(self.clock)
        self.drawn = 0
        self.nonces = self.with_secret(SECRET)

    def with_secret(self, secret: bytes) -> NonceIssuer:
        return NonceIssuer(secret=secret, sessions=self.store, clock=self.clock, random=self.draw)

    def draw(self, count: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(count, "big")


@clause("I8", "IP-07")
def test_a_nonce_is_used_once():
    setting = Nonces()
    nonce = setting.nonces.create()
    assert nonce != setting.nonces.create()
    setting.nonces.use(nonce)
    with pytest.raises(ProtocolError, match="invalid_nonce"):
        setting.nonces.use(nonce)


@clause("IP-07")
def test_asking_for_nonces_stores_nothing():
    setting = Nonces()
    for _ in range(1000):
        setting.nonces.create()
    assert setting.store._entries == {}


@clause("I10", "IP-07")
def test_a_nonce_belongs_to_no_session_but_to_the_first_who_uses_it():
    setting = Nonces()
    nonce = setting.nonces.create()
    setting.with_secret(SECRET).use(nonce)
    with pytest.raises(ProtocolError, match="invalid_nonce"):
        setting.nonces.use(nonce)


@clause("I8", "IP-07")
def test_a_nonce_grows_old():
    setting = Nonces()
    nonce, other = setting.nonces.create(), setting.nonces.create()
    setting.clock.advance(NONCE_SECONDS)
    setting.nonces.use(nonce)
    setting.clock.advance(1)
    for used_or_old in (nonce, other):
        with pytest.raises(ProtocolError, match="invalid_nonce"):
            setting.nonces.use(used_or_old)


@clause("I8", "IP-07")
@pytest.mark.parametrize(
    "change",
    {
        "another time": lambda data: (10**9).to_bytes(5, "big") + data[5:],
        "another tag": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        "cut": lambda data: data[:-1],
        "longer": lambda data: data + b"\x00",
        "nothing": lambda _: b"",
    }.values(),
)
def test_a_nonce_cannot_be_made_up(change):
    setting = Nonces()
    nonce = base64url_decode(setting.nonces.create(), what="it")
    for text in (base64url_encode(change(nonce)), base64url_encode(nonce) + "=", "ä", "%"):
        with pytest.raises(ProtocolError, match="invalid_nonce"):
            setting.nonces.use(text)
    with pytest.raises(ProtocolError, match="invalid_nonce"):
        setting.with_secret(b"\x08" * 32).use(base64url_encode(nonce))


@clause("I11", "IP-07")
def test_of_twenty_who_use_a_nonce_at_once_one_succeeds():
    setting = Nonces()
    nonce = setting.nonces.create()
    won: list[int] = []

    def use(number: int) -> None:
        try:
            setting.nonces.use(nonce)
        except ProtocolError:
            return
        won.append(number)

    threads = [threading.Thread(target=use, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
