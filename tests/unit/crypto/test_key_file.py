"""Key files: who may read them, what a change in them does, and that none is ever half written."""

from __future__ import annotations

import json
import os

import pytest

from tests.support.clauses import clause
from weid import limits
from weid.crypto import key_file
from weid.crypto.key_file import KeyFileCost, load_key_file, save_key_file
from weid.crypto.keys import KeyKind, PrivateKey
from weid.encoding import base64url_encode
from weid.errors import KeyFileError

CHEAP = KeyFileCost(1, 8)
SEED = bytes(range(32))
KEY = PrivateKey.from_seed(SEED)
PASSPHRASE = "correct horse battery"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "issuer.key"


@pytest.fixture
def saved(path):
    save_key_file(path, KEY, PASSPHRASE, cost=CHEAP)
    return path


@pytest.mark.parametrize("kind", KeyKind)
def test_a_key_of_every_kind_comes_back(path, kind):
    key = PrivateKey.from_seed(SEED, kind)
    save_key_file(path, key, PASSPHRASE, cost=CHEAP)
    assert load_key_file(path, PASSPHRASE).to_private_jwk() == key.to_private_jwk()


def test_the_standard_cost_is_what_the_specification_recommends_and_more(path):
    save_key_file(path, KEY, PASSPHRASE)
    header = json.loads(path.read_text())
    assert (header["kdf"], header["cipher"]) == ("argon2id", "xchacha20-poly1305")
    assert header["operations"] >= 3
    assert header["memory_kib"] >= 64 * 1024
    assert load_key_file(path, PASSPHRASE).public == KEY.public


def test_the_file_has_no_secret_in_it_and_never_the_same_salt(path):
    save_key_file(path, KEY, PASSPHRASE, cost=CHEAP)
    first = path.read_bytes()
    save_key_file(path, KEY, PASSPHRASE, cost=CHEAP)
    second = path.read_bytes()
    assert first != second
    for secret in (SEED, SEED.hex().encode(), base64url_encode(SEED).encode()):
        assert secret not in first + second


@clause("W25")
def test_a_new_file_is_for_its_owner_only_whatever_the_umask(path):
    before = os.umask(0)
    try:
        save_key_file(path, KEY, PASSPHRASE, cost=CHEAP)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


@clause("W25")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o601, 0o610, 0o777])
def test_a_file_that_others_may_touch_is_refused(saved, mode):
    saved.chmod(mode)
    with pytest.raises(KeyFileError) as refused:
        load_key_file(saved, PASSPHRASE)
    assert "chmod 600" in (refused.value.hint or "")


def test_another_passphrase_is_refused_with_a_hint(saved):
    for other in ("Correct horse battery", PASSPHRASE + " ", "", "\0"):
        with pytest.raises(KeyFileError) as refused:
            load_key_file(saved, other)
        assert refused.value.hint


def test_a_passphrase_is_the_same_however_its_letters_are_composed(path):
    save_key_file(path, KEY, "pass\u00e9-phrase", cost=CHEAP)
    assert load_key_file(path, "passe\u0301-phrase").public == KEY.public


def test_a_short_passphrase_is_refused(path):
    with pytest.raises(KeyFileError):
        save_key_file(path, KEY, "1234567", cost=CHEAP)
    assert not path.exists()


def change(path, members):
    header = json.loads(path.read_text())
    header.update(members)
    path.write_text(json.dumps(header))


CHANGES = {
    "the kind": {"kind": "P-256"},
    "the public key": {"public_key": PrivateKey.from_seed(bytes(32)).public.to_multikey()},
    "the cost": {"operations": 2},
    "the memory": {"memory_kib": 16},
    "the salt": {"salt": base64url_encode(bytes(16))},
    "the nonce": {"nonce": base64url_encode(bytes(24))},
    "the sealed key": {"sealed": base64url_encode(bytes(48))},
    "a short salt": {"salt": "AAAA"},
    "a salt that is a number": {"salt": 1},
    "a padded salt": {"salt": base64url_encode(bytes(16)) + "="},
    "an empty seal": {"sealed": ""},
    "another kind of key": {"kind": "secp256k1"},
    "a list for a kind": {"kind": ["Ed25519"]},
    "another derivation": {"kdf": "scrypt"},
    "another cipher": {"cipher": "none"},
    "a newer version": {"version": 2},
    "version as text": {"version": "1"},
    "another format": {"format": "wallet"},
    "a member more": {"note": "x"},
    "a cost of zero": {"operations": 0},
    "a cost that never ends": {"operations": 2**31},
    "a cost that is true": {"operations": True},
    "a cost in text": {"operations": "1"},
    "all memory": {"memory_kib": 2**31},
    "one pass more than a file may ask for": {"operations": limits.PASSPHRASE_OPERATIONS + 1},
    "more memory than a file may ask for": {"memory_kib": limits.PASSPHRASE_MEMORY // 1024 + 1},
    "no memory": {"memory_kib": 1},
}


@clause("Q9")
@pytest.mark.parametrize("members", CHANGES.values(), ids=CHANGES)
def test_a_changed_file_does_not_open(saved, members):
    change(saved, members)
    with pytest.raises(KeyFileError, match=str(saved)):
        load_key_file(saved, PASSPHRASE)


@clause("Q9")
@pytest.mark.parametrize(
    "cost",
    [
        KeyFileCost(limits.PASSPHRASE_OPERATIONS, 8),
        KeyFileCost(1, limits.PASSPHRASE_MEMORY // 1024),
    ],
)
def test_the_highest_cost_that_a_file_may_ask_for_is_paid(path, cost):
    save_key_file(path, KEY, PASSPHRASE, cost=cost)
    assert load_key_file(path, PASSPHRASE).public == KEY.public


@clause("Q9")
@pytest.mark.parametrize(
    "cost",
    [
        KeyFileCost(limits.PASSPHRASE_OPERATIONS + 1, 8),
        KeyFileCost(1, limits.PASSPHRASE_MEMORY // 1024 + 1),
        KeyFileCost(0, 8),
    ],
)
def test_no_file_is_written_at_a_cost_that_would_not_be_read_again(path, cost):
    with pytest.raises(KeyFileError, match="out of bounds"):
        save_key_file(path, KEY, PASSPHRASE, cost=cost)
    assert not path.exists()


@clause("Q9")
def test_no_flipped_bit_opens(saved):
    body = saved.read_bytes().rstrip(b"\n")
    for place in range(len(body)):
        saved.write_bytes(body[:place] + bytes([body[place] ^ 4]) + body[place + 1 :])
        with pytest.raises(KeyFileError):
            load_key_file(saved, PASSPHRASE)


@clause("Q9")
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b"{" * 100, b" " * 5000, b"null"])
def test_what_is_no_key_file_is_refused(saved, body):
    saved.write_bytes(body)
    with pytest.raises(KeyFileError):
        load_key_file(saved, PASSPHRASE)


def test_what_is_no_plain_file_is_refused(saved, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(saved)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for other in (link, pipe, tmp_path, tmp_path / "missing"):
        with pytest.raises(KeyFileError):
            load_key_file(other, PASSPHRASE)


def test_a_key_that_the_header_does_not_name_is_refused(path, monkeypatch):
    class Liar(PrivateKey):
        """A key whose public part is another's when it is written."""

    liar = Liar(KeyKind.ED25519, SEED)
    liar.public = PrivateKey.from_seed(bytes(32)).public
    save_key_file(path, liar, PASSPHRASE, cost=CHEAP)
    with pytest.raises(KeyFileError, match="another public key"):
        load_key_file(path, PASSPHRASE)


@clause("Q10")
def test_a_crash_while_saving_leaves_the_old_file(saved, monkeypatch):
    """Break each step of writing in turn: the old key still opens and nothing is left over."""

    def broken(*_args: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    other = PrivateKey.from_seed(bytes(32))
    for step in ("fsync", "fchmod", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, step, broken)
            if step == "replace":
                patch.setattr(key_file.Path, "replace", broken)
            with pytest.raises(KeyFileError, match="No space left"):
                save_key_file(saved, other, PASSPHRASE, cost=CHEAP)
        assert load_key_file(saved, PASSPHRASE).public == KEY.public
        assert [each.name for each in saved.parent.iterdir()] == [saved.name]


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path):
    with pytest.raises(KeyFileError, match="cannot be written"):
        save_key_file(tmp_path / "missing" / "key", KEY, PASSPHRASE, cost=CHEAP)


def test_saving_replaces_the_file_and_its_passphrase(saved):
    save_key_file(saved, KEY, "another passphrase", cost=CHEAP)
    assert load_key_file(saved, "another passphrase").public == KEY.public
    with pytest.raises(KeyFileError):
        load_key_file(saved, PASSPHRASE)


def test_more_memory_than_there_is_is_a_clear_error(saved, monkeypatch):
    def too_much(*_args: object, **_named: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(key_file.pwhash.argon2id, "kdf", too_much)
    with pytest.raises(KeyFileError, match="memory"):
        load_key_file(saved, PASSPHRASE)
