"""As whom a counter asks wallets: the files of its settings, and what is wrong with them."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pydantic import ValidationError

from tests.apps.verifier.online import HOST, KEY, Clerk, Wallet, build, files, pem, secret_file
from tests.support.clauses import clause
from tests.support.world import World, seeded
from tests.unit.openid4vp.asking import ROOT, ROOT_KEY, SIGNER, named_above, read
from verifier_app.identity import read_authorities, tell_unknown_key
from verifier_app.wallet_settings import WalletSettings
from weid.crypto.key_file import KeyFileCost, save_key_file
from weid.crypto.keys import PublicKey
from weid.crypto.signer import InMemorySigner
from weid.did.syntax import DidUrl
from weid.errors import MalformedError, RegistryUnavailableError, WeidError
from weid.issuer import ASSERTION_KEY
from weid.openid4vp.request_object import RequestTrust
from weid.openid4vp.verifier_identity import DidIdentity, UnsignedIdentity

DID_KEY = "did:weid:test:z1111111111111111111111#authentication-1"
PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def world():
    return World.begin()


@pytest.mark.parametrize("identity", ["x509_hash", "x509_san_dns"])
def test_it_asks_under_its_certificate(world, tmp_path, identity):
    clerk = Clerk(build(world, tmp_path, identity=identity))
    link = clerk.link(clerk.begin())
    expected = f"x509_san_dns%3A{HOST}" if identity == "x509_san_dns" else "x509_hash%3A"
    assert f"client_id={expected}" in link


def test_it_asks_under_a_did_with_an_ed25519_key_in_pem(world, tmp_path):
    key = seeded(5)
    changed = {
        "identity": "decentralized_identifier",
        "certificate_chain_file": None,
        "key_file": str(secret_file(tmp_path / "ed.pem", pem(key))),
        "key_id": f"{world.issuer.did}#authentication-1",
    }
    app = build(world, tmp_path, **changed)
    clerk, wallet = Clerk(app), Wallet(world, app)
    asked_for: list[str] = []

    def resolve(key_url: str) -> PublicKey:
        asked_for.append(key_url)
        return key.public

    wallet.client._trust = RequestTrust(resolve_key=resolve)
    path = clerk.begin()
    wallet.answer(clerk.link(path))
    assert asked_for == [changed["key_id"]]
    assert "Ada Lovelace" in clerk.get(f"{path}/result").text


def test_a_key_that_the_registry_does_not_have_is_told_in_the_log(world, caplog):
    own = InMemorySigner(world.keys.assertion)
    readers = [world.registry]
    tell_unknown_key(DidIdentity(DidUrl.parse(f"{world.issuer.did}#{ASSERTION_KEY}"), own), readers)
    tell_unknown_key(UnsignedIdentity(), readers)
    assert caplog.text == ""
    other = InMemorySigner(seeded(9))
    for key_url in (f"{world.issuer.did}#{ASSERTION_KEY}", f"{world.issuer.did}#nothing", DID_KEY):
        caplog.clear()
        tell_unknown_key(DidIdentity(DidUrl.parse(key_url), other), readers)
        assert f"does not have this verifier's key as {key_url}" in caplog.text


def test_a_key_that_cannot_be_looked_up_now_is_told_in_the_log(world, caplog, monkeypatch):
    def away(*_args, **_options):
        raise RegistryUnavailableError("nobody answers")

    monkeypatch.setattr(type(world.registry), "did", away)
    identity = DidIdentity(DidUrl.parse(f"{world.issuer.did}#x"), InMemorySigner(seeded(9)))
    tell_unknown_key(identity, [world.registry])
    assert "cannot be looked up now: nobody answers" in caplog.text


def test_it_asks_with_a_key_file_of_weid(world, tmp_path):
    save_key_file(tmp_path / "own.key", KEY, PASSPHRASE, cost=KeyFileCost(1, 8))
    secret = secret_file(tmp_path / "passphrase", PASSPHRASE.encode() + b"\n")
    app = build(world, tmp_path, key_file=str(tmp_path / "own.key"), passphrase_file=str(secret))
    clerk = Clerk(app)
    assert Wallet(world, app).answer(clerk.link(clerk.begin())) is None


def test_a_certificate_that_is_not_in_force_is_told_in_the_log(world, tmp_path, caplog):
    world.clock.advance(20 * 366 * 86_400)
    build(world, tmp_path)
    assert "not in force" in caplog.text


def test_requests_that_are_not_signed_are_told_in_the_log(world, tmp_path, caplog):
    build(world, tmp_path, identity="redirect_uri")
    assert "for development only" in caplog.text


SETTINGS = {
    "no certificate": ({"certificate_chain_file": None}, "needs certificate_chain_file"),
    "no key": ({"key_file": None}, "needs key_file"),
    "a DID without its key": (
        {"identity": "decentralized_identifier", "certificate_chain_file": None}, "needs key_id"),
    "a DID with a certificate": (
        {"identity": "decentralized_identifier", "key_id": DID_KEY}, "is not for identity"),
    "a DID that names no key": (
        {"identity": "decentralized_identifier", "certificate_chain_file": None,
         "key_id": DID_KEY.partition("#")[0]}, "does not name a key"),
    "no DID": ({"key_id": "somebody"}, "key_id"),
    "unsigned with a key": (
        {"identity": "redirect_uri", "certificate_chain_file": None}, "is not for identity"),
    "another identity": ({"identity": "verifier_attestation"}, "identity"),
    "another mode": ({"response_mode": "fragment"}, "response_mode"),
    "kept for ever": ({"keep_seconds": 10**9}, "keep_seconds"),
    "an unknown setting": ({"client_id": "x"}, "client_id"),
}  # fmt: skip


@clause("W7")
@pytest.mark.parametrize(("changes", "said"), SETTINGS.values(), ids=SETTINGS)
def test_settings_that_do_not_go_together_are_refused_by_name(tmp_path, changes, said):
    with pytest.raises(ValidationError, match=said):
        WalletSettings.model_validate({**files(tmp_path), **changes})


def test_a_passphrase_without_a_key_is_refused():
    with pytest.raises(ValidationError, match="passphrase_file is for key_file"):
        WalletSettings.model_validate({"identity": "redirect_uri", "passphrase_file": "x"})


def ec_pem(**changes) -> bytes:
    protection = changes.get("protection", NoEncryption())
    key = ec.derive_private_key(7, changes.get("curve", ec.SECP256R1()))
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


KEYS = {
    "open to others": (pem(KEY), 0o640, "open to other users"),
    "of somebody else": (ec_pem(), 0o600, "is not the one of its certificate"),
    "of another curve": (ec_pem(curve=ec.SECP384R1()), 0o600, "another kind"),
    "with a passphrase": (
        ec_pem(protection=BestAvailableEncryption(b"x")), 0o600, "not a private key in PEM"),
    "damaged": (b"-----BEGIN PRIVATE KEY-----\nAAAA\n", 0o600, "not a private key in PEM"),
    "no PEM and no passphrase": (b"{}", 0o600, "needs passphrase_file"),
    "RSA": (
        rsa.generate_private_key(65537, 2048).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        0o600, "another kind"),
}  # fmt: skip


@clause("W25")
@pytest.mark.parametrize(("content", "mode", "said"), KEYS.values(), ids=KEYS)
def test_a_key_that_cannot_be_used_stops_the_start(world, tmp_path, content, mode, said):
    path = secret_file(tmp_path / "other.pem", content, mode)
    with pytest.raises(WeidError, match=said) as refused:
        build(world, tmp_path, key_file=str(path))
    assert "PRIVATE KEY" not in refused.value.message


def test_a_key_behind_a_symbolic_link_is_not_read(world, tmp_path):
    target = secret_file(tmp_path / "target.pem", pem(KEY))
    (tmp_path / "link.pem").symlink_to(target)
    with pytest.raises(WeidError, match="cannot be read"):
        build(world, tmp_path, key_file=str(tmp_path / "link.pem"))


def test_a_missing_file_is_named(world, tmp_path):
    for name in ("key_file", "certificate_chain_file", "api_token_file"):
        with pytest.raises(WeidError, match="nowhere"):
            build(world, tmp_path, **{name: str(tmp_path / "nowhere")})


def test_a_chain_that_is_none_is_named(world, tmp_path):
    (tmp_path / "bad.pem").write_text("nothing")
    with pytest.raises(WeidError, match=r"bad\.pem"):
        build(world, tmp_path, certificate_chain_file=str(tmp_path / "bad.pem"))


@clause("PP-38")
@pytest.mark.parametrize("identity", ["x509_hash", "x509_san_dns"])
def test_a_chain_with_the_authoritys_root_is_refused_at_the_start(world, tmp_path, identity):
    leaf = ROOT.leaf(SIGNER.public_key, dns=(HOST,), extra=named_above(ROOT_KEY))
    path = tmp_path / "with-root.pem"
    path.write_bytes(read(leaf).to_pem() + read(ROOT.certificate).to_pem())
    with pytest.raises(WeidError, match="own root") as refused:
        build(world, tmp_path, identity=identity, certificate_chain_file=str(path))
    assert str(path) in refused.value.message
    assert "Take the last certificate out" in (refused.value.hint or "")


def test_a_certificate_of_another_host_is_refused_before_anybody_asks(world, tmp_path):
    leaf = ROOT.leaf(SIGNER.public_key, dns=("other.example",), extra=named_above(ROOT_KEY))
    (tmp_path / "other-chain.pem").write_bytes(read(leaf).to_pem())
    with pytest.raises(WeidError, match=HOST):
        build(
            world, tmp_path, identity="x509_san_dns",
            certificate_chain_file=str(tmp_path / "other-chain.pem"),
        )  # fmt: skip


@clause("VF-43")
def test_authorities_are_read_from_their_files(tmp_path):
    good, leaf, nothing = (tmp_path / name for name in ("ca.pem", "leaf.pem", "nothing.pem"))
    good.write_bytes(read(ROOT.certificate).to_pem())
    leaf.write_bytes(read(ROOT.leaf(SIGNER.public_key)).to_pem())
    nothing.write_text("nothing")
    assert read_authorities([good]) == (read(ROOT.certificate),)
    for wrong in (leaf, nothing, tmp_path / "missing.pem"):
        with pytest.raises(MalformedError, match="certificate_authorities"):
            read_authorities([good, wrong])
