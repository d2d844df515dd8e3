from __future__ import annotations

import hashlib
import json
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl import exceptions

from tests.support.clauses import clause
from weid import limits
from weid.errors import WalletFileError, WrongPassphraseError
from weid.wallet import sealed_file
from weid.wallet.sealed_file import PassphraseCost, WalletKey, seal, unseal

COST = PassphraseCost(operations=1, memory=8 * 1024 * 1024)
KEY = WalletKey.create("correct horse", cost=COST, random=secrets.token_bytes)
CONTENTS = b'{"schema":1}'
FILE = seal(CONTENTS, KEY, random=secrets.token_bytes)


@clause("IP-26")
def test_what_is_sealed_opens_with_its_passphrase():
    contents, key = unseal(FILE, "correct horse")
    assert (contents, key) == (CONTENTS, KEY)
    assert CONTENTS not in FILE
    assert seal(CONTENTS, KEY, random=secrets.token_bytes) != FILE
    assert KEY.secret.hex() not in repr(KEY)
    assert repr(KEY) == "WalletKey(…)"


@clause("IP-26")
def test_spellings_of_the_same_characters_are_one_passphrase():
    key = WalletKey.create("José 密碼 \ufb01", cost=COST, random=secrets.token_bytes)
    file = seal(b"x", key, random=secrets.token_bytes)
    assert unseal(file, "Jose\u0301 密碼 fi")[0] == b"x"


@clause("Q9", "IP-27")
@pytest.mark.parametrize("passphrase", ["correct hors", "Correct horse", "correct horse ", "密碼"])
def test_a_wrong_passphrase_is_told_from_damage(passphrase):
    with pytest.raises(WrongPassphraseError) as caught:
        unseal(FILE, passphrase)
    assert "not changed" in caught.value.hint


@clause("IP-26")
def test_an_empty_passphrase_is_none():
    with pytest.raises(WrongPassphraseError, match="empty"):
        unseal(FILE, "")


@clause("Q9", "IP-27")
@given(st.integers(0, len(FILE) * 8 - 1))
def test_a_flipped_bit_is_damage(place):
    data = bytearray(FILE)
    data[place // 8] ^= 1 << place % 8
    with pytest.raises(WalletFileError):
        unseal(bytes(data), "correct horse")


@clause("Q9", "IP-27")
@given(st.integers(0, len(FILE) - 1))
def test_a_truncated_file_is_damage(length):
    with pytest.raises(WalletFileError):
        unseal(FILE[:length], "correct horse")


@clause("Q9", "IP-27")
def test_another_version_says_so():
    newer = b"weid-wallet/2" + FILE[len(b"weid-wallet/1") :]
    with pytest.raises(WalletFileError, match="version 2") as caught:
        unseal(newer, "correct horse")
    assert "newer" in caught.value.hint


def resealed(**changes: object) -> bytes:
    """A file whose header somebody changed, digest and all."""
    magic, header, rest = FILE.split(b"\n", 2)
    members = {**json.loads(header), **changes}
    front = magic + b"\n" + json.dumps(members, separators=(",", ":")).encode() + b"\n"
    whole = front + rest[:-32]
    return whole + hashlib.sha256(whole).digest()


@clause("Q9", "IP-26", "IP-27")
@pytest.mark.parametrize(
    "changes",
    {
        "memory without end": {"memory": 2**40},
        "more memory than a file may ask for": {"memory": limits.PASSPHRASE_MEMORY + 1024},
        "one pass more than a file may ask for": {"operations": limits.PASSPHRASE_OPERATIONS + 1},
        "passes that are true": {"operations": True},
        "memory as a fraction": {"memory": 8388608.5},
        "passes without end": {"operations": 10**9},
        "no memory": {"memory": 0},
        "another kdf": {"kdf": "none"},
        "a short salt": {"salt": "AAAA"},
        "a short nonce": {"nonce": "AAAA"},
        "a salt that is no text": {"salt": 1},
        "memory as text": {"memory": "8388608"},
    }.values(),
)
def test_a_header_made_to_harm_is_refused_before_any_work(changes):
    with pytest.raises(WalletFileError, match="damaged"):
        unseal(resealed(**changes), "correct horse")


@clause("Q9", "IP-26")
@pytest.mark.parametrize(
    "cost",
    [
        PassphraseCost(operations=limits.PASSPHRASE_OPERATIONS, memory=8 * 1024 * 1024),
        PassphraseCost(operations=1, memory=limits.PASSPHRASE_MEMORY),
    ],
)
def test_the_highest_cost_that_a_file_may_ask_for_is_paid(cost):
    key = WalletKey.create("correct horse", cost=cost, random=secrets.token_bytes)
    assert unseal(seal(b"contents", key, random=secrets.token_bytes), "correct horse")


@clause("Q9", "IP-26")
@pytest.mark.parametrize(
    "changes",
    [
        {"operations": limits.PASSPHRASE_OPERATIONS + 1},
        {"memory": limits.PASSPHRASE_MEMORY + 1},
        {"operations": 0},
        {"memory": 1024},
    ],
)
def test_no_file_is_made_at_a_cost_that_would_not_be_read_again(changes):
    with pytest.raises(ValueError, match="out of bounds"):
        PassphraseCost(**changes)


@clause("Q9", "IP-26")
def test_memory_that_cannot_be_had_is_a_clear_error(monkeypatch):
    for problem in (MemoryError(), exceptions.RuntimeError("libsodium says so")):

        def too_much(*_: object, problem: Exception = problem, **__: object) -> bytes:
            raise problem

        monkeypatch.setattr(sealed_file.pwhash.argon2id, "kdf", too_much)
        with pytest.raises(WalletFileError, match="8 MiB of memory"):
            unseal(FILE, "correct horse")


def test_a_passphrase_that_no_keyboard_types_is_only_a_wrong_one():
    with pytest.raises(WrongPassphraseError):
        unseal(FILE, "half a character \ud800")


@clause("Q9", "IP-26")
def test_the_header_is_bound_to_the_contents():
    with pytest.raises(WrongPassphraseError):
        unseal(resealed(operations=2), "correct horse")
    with pytest.raises(WrongPassphraseError):
        unseal(resealed(more=1), "correct horse")


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data):
    for candidate in (data, b"weid-wallet/" + data, b"weid-wallet/1\n" + data):
        with pytest.raises(WalletFileError):
            unseal(candidate, "x")
