from __future__ import annotations

import json

import pytest

from tests.support.clauses import clause
from tests.unit.openid4vci.issuing import ADA as APPROVED
from tests.unit.openid4vci.issuing import EndpointsTransport, Setting
from tests.unit.wallet.holding import (
    ADA,
    COST,
    NOW,
    PASSPHRASE,
    SIGNER,
    ask,
    issue,
    new_wallet,
    open_wallet,
    registry,
)
from weid.clock import FixedClock
from weid.credential.credential import Credential
from weid.credential.issuance_anchor import anchor_batch
from weid.credential.key_binding import verify_key_binding
from weid.credential.sd_jwt import SdJwt, reconstruct
from weid.crypto.jws import verify_jws
from weid.crypto.keys import KeyKind, PrivateKey
from weid.errors import (
    CannotDiscloseError,
    CredentialNotHeldError,
    InvalidSignatureError,
    MalformedError,
    TransportError,
    WalletError,
    WalletFileError,
    WalletInUseError,
    WrongPassphraseError,
)
from weid.transport import GuardedTransport
from weid.wallet.consent import ConsentKind
from weid.wallet.contents import (
    SCHEMA,
    Contents,
    credential_id,
    decode_contents,
    encode_contents,
)
from weid.wallet.sealed_file import WalletKey, seal, unseal
from weid.wallet.wallet import Wallet

# --- Keys and credentials -----------------------------------------------------------------------


@clause("IP-30")
@pytest.mark.parametrize("kind", [KeyKind.ED25519, KeyKind.P256])
def test_a_wallet_makes_a_key_for_each_credential_and_keeps_it(tmp_path, kind):
    with new_wallet(tmp_path) as wallet:
        one, other = wallet.new_key(kind), wallet.new_key(kind)
        assert one != other
    with open_wallet(tmp_path / "ada.wallet") as wallet:
        held = wallet.add(issue(one))
        presented = SdJwt.parse(wallet.present(ask("name")))
        assert held.key == one.thumbprint()
        verify_key_binding(presented, one)
        with pytest.raises(InvalidSignatureError):
            verify_key_binding(presented, other)


@clause("IP-30")
def test_a_key_for_agreement_holds_no_credential(tmp_path):
    with new_wallet(tmp_path) as wallet, pytest.raises(MalformedError, match="agreement"):
        wallet.new_key(KeyKind.X25519)


@clause("IP-30")
def test_private_keys_do_not_leave(tmp_path):
    with new_wallet(tmp_path) as wallet:
        key = wallet.new_key()
        held = wallet.add(issue(key))
        secret = wallet._contents.keys[held.key].private.to_private_jwk()["d"]
        wallet.backup(tmp_path / "ada.backup", passphrase="other words")
        said = repr(wallet) + repr(held) + repr(wallet._contents) + repr(wallet._store)
    assert secret not in said
    assert "Lovelace" not in said
    for file in tmp_path.iterdir():
        assert secret.encode() not in file.read_bytes()
        assert b"Lovelace" not in file.read_bytes()


@clause("IP-31")
def test_a_credential_is_kept_across_closing(tmp_path):
    with new_wallet(tmp_path, clock=FixedClock(NOW)) as wallet:
        text = issue(wallet.new_key())
        anchor = anchor_batch([b"signing input"])[0]
        held = wallet.add(Credential.parse(text, anchor), source="https://issuer.example")
        again = wallet.add(text)
        assert again == held
    with open_wallet(tmp_path / "ada.wallet") as wallet:
        assert wallet.credentials() == (held,)
        assert held.text == text
        assert held.anchor == anchor
        assert (held.added_at, held.source, held.used) == (NOW, "https://issuer.example", False)
        assert wallet.credential(held.id[:4]) == held
        for wrong in ("", "nothing"):
            with pytest.raises(CredentialNotHeldError):
                wallet.credential(wrong)


@clause("IP-31")
def test_an_id_is_sixteen_letters_and_digits_whatever_it_is_of():
    ids = {credential_id(f"credential {number}") for number in range(500)}
    assert len(ids) == 500
    assert {len(one) for one in ids} == {16}
    assert all(one.isascii() and one.isalnum() for one in ids)


@clause("IP-31")
def test_a_second_copy_adds_what_it_has_more(tmp_path):
    with new_wallet(tmp_path) as wallet:
        text = issue(wallet.new_key())
        short = SdJwt.parse(text).issuer_jws.text + "~"
        held = wallet.add(short)
        assert wallet.add(text).text == text
        assert wallet.add(short).text == text
        anchor = anchor_batch([b"signing input"])[0]
        assert wallet.add(text, anchor=anchor).anchor == anchor
        assert wallet.add(text).anchor == anchor
        assert [h.id for h in wallet.credentials()] == [held.id]


@clause("IP-31", "P8")
def test_a_credential_of_somebody_else_is_not_kept(tmp_path):
    stranger = PrivateKey.from_seed(b"\x61" * 32)
    with new_wallet(tmp_path) as wallet:
        key = wallet.new_key()
        presented = wallet_of(tmp_path / "other", key_claims=ADA)
        for text, error in (
            (issue(stranger.public), CredentialNotHeldError),
            (issue(None), CredentialNotHeldError),
            (issue(key, cnf={"jwk": stranger.to_private_jwk()}), MalformedError),
            (issue(key, cnf={"kid": "did:example:1#1"}), MalformedError),
            (issue(key, cnf={}), MalformedError),
            (issue(key) + "WyJhIiwiYiIsImMiXQ~", MalformedError),
            (presented, MalformedError),
            ("nothing", MalformedError),
        ):
            with pytest.raises(error):
                wallet.add(text)
        assert wallet.credentials() == ()


def wallet_of(folder, key_claims):
    """A presentation that another wallet made."""
    folder.mkdir()
    with new_wallet(folder) as wallet:
        wallet.add(issue(wallet.new_key(), key_claims))
        return wallet.present(ask("name"))


@clause("IP-31")
def test_removing_a_credential_removes_its_key(tmp_path):
    with new_wallet(tmp_path) as wallet:
        key = wallet.new_key()
        held, other = wallet.add(issue(key)), wallet.add(issue(wallet.new_key()))
        wallet.remove(held.id)
        assert wallet.credentials() == (other,)
        with pytest.raises(CredentialNotHeldError):
            wallet.add(issue(key))
        with pytest.raises(CredentialNotHeldError):
            wallet.remove(held.id)


@clause("Q10", "IP-28")
def test_what_could_not_be_saved_did_not_happen(tmp_path):
    wallet = new_wallet(tmp_path)
    key = wallet.new_key()
    wallet.close()
    with pytest.raises(WalletFileError, match="closed"):
        wallet.add(issue(key))
    assert wallet.credentials() == ()


# --- The file -----------------------------------------------------------------------------------


@clause("Q9", "IP-27")
def test_a_wallet_opens_with_its_passphrase_only(tmp_path):
    new_wallet(tmp_path).close()
    path = tmp_path / "ada.wallet"
    with pytest.raises(WrongPassphraseError):
        open_wallet(path, "wrong")
    with open_wallet(path) as wallet:
        wallet.change_passphrase("other words")
    with pytest.raises(WrongPassphraseError):
        open_wallet(path)
    open_wallet(path, "other words").close()


@clause("Q10", "IP-29")
def test_a_wallet_is_open_once(tmp_path):
    with new_wallet(tmp_path), pytest.raises(WalletInUseError):
        open_wallet(tmp_path / "ada.wallet")
    open_wallet(tmp_path / "ada.wallet").close()


@clause("Q9", "IP-33")
@pytest.mark.parametrize(
    "contents",
    {
        "a newer schema": b'{"schema":2}',
        "no schema": b"{}",
        "no JSON": b"nope",
        "a key that is none": b'{"schema":1,"keys":[{"jwk":{}}],"credentials":[]}',
        "a credential that is none": b'{"schema":1,"keys":[],"credentials":[{}]}',
    }.values(),
)
def test_contents_that_this_version_does_not_know_are_left_alone(tmp_path, contents):
    wallet = new_wallet(tmp_path)
    wallet._store.save(contents)
    wallet.close()
    path = tmp_path / "ada.wallet"
    before = path.read_bytes()
    with pytest.raises(WalletFileError) as caught:
        open_wallet(path)
    assert path.read_bytes() == before
    if contents == b'{"schema":2}':
        assert "version 2" in caught.value.message
        assert "newer" in caught.value.hint
    with pytest.raises(WalletFileError):  # not locked out: the refusal let go of the lock
        open_wallet(path)


@clause("IP-33")
def test_empty_contents_survive_their_json():
    assert decode_contents(encode_contents(Contents())) == Contents()
    assert SCHEMA == 1


NOT_CONTENTS: dict[str, tuple[tuple[str | int, ...], object]] = {
    "an id that is a number": (("credentials", 0, "id"), 7),
    "a text that is an object": (("credentials", 0, "text"), {}),
    "a key that is nothing": (("credentials", 0, "key"), None),
    "a key that is not there": (("credentials", 0, "key"), "another"),
    "no keys": (("keys",), []),
    "a time that is text": (("credentials", 0, "added_at"), "yesterday"),
    "a time that is true": (("credentials", 0, "added_at"), True),
    "a time past every calendar": (("credentials", 0, "restored_at"), 2**60),
    "a time below zero": (("keys", 0, "created_at"), -1),
    "a source that is a list": (("credentials", 0, "source"), []),
    "an anchor that is text": (("credentials", 0, "anchor"), "x"),
    "a mark that is text": (("credentials", 0, "unverified"), "no"),
    "a use of another kind": (("credentials", 0, "uses", 0, "kind"), "sold"),
    "a use for nobody": (("credentials", 0, "uses", 0, "audience"), None),
    "a claim that is a number": (("credentials", 0, "uses", 0, "claims"), [1]),
    "uses that are text": (("credentials", 0, "uses"), "x"),
    "credentials that are text": (("credentials",), "x"),
    "a schema that is text": (("schema",), "1"),
    "a schema that is none": (("schema",), 0),
}


@clause("IP-33", "Q9")
@pytest.mark.parametrize("case", NOT_CONTENTS)
def test_contents_of_another_form_are_refused_when_the_file_is_opened(tmp_path, case):
    with new_wallet(tmp_path) as wallet:
        wallet.add(issue(wallet.new_key()))
        wallet.present(ask("name"))
        good = json.loads(encode_contents(wallet._contents))
    assert decode_contents(json.dumps(good).encode())
    path, value = NOT_CONTENTS[case]
    place = good
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(WalletFileError, match="cannot be read"):
        decode_contents(json.dumps(good).encode())


# --- Backup -------------------------------------------------------------------------------------


@clause("Q11", "IP-32")
def test_a_restored_wallet_marks_every_credential_as_perhaps_used(tmp_path):
    with new_wallet(tmp_path) as wallet:
        held = wallet.add(issue(wallet.new_key()))
        pending = wallet.new_key()
        wallet.backup(tmp_path / "ada.backup", passphrase="other words")
        wallet.present(ask("name"))
        assert wallet.credentials()[0].used
    with Wallet.restore(
        tmp_path / "ada.backup",
        tmp_path / "new.wallet",
        backup_passphrase="other words",
        passphrase="third words",
        clock=FixedClock(NOW + 1000),
    ) as restored:
        (again,) = restored.credentials()
        assert (again.id, again.text, again.uses) == (held.id, held.text, ())
        assert again.restored_at == NOW + 1000
        assert again.used
        assert restored.add(issue(pending))
        assert restored.present(ask("name"), credential_id=held.id)
    with pytest.raises(WrongPassphraseError):
        open_wallet(tmp_path / "new.wallet", "other words")
    open_wallet(tmp_path / "new.wallet", "third words").close()


def restore(backup, path, backup_passphrase):
    return Wallet.restore(backup, path, backup_passphrase=backup_passphrase, passphrase=PASSPHRASE)


@clause("Q9", "Q11", "IP-32")
def test_a_restore_replaces_nothing(tmp_path):
    with new_wallet(tmp_path) as wallet:
        wallet.backup(tmp_path / "ada.backup", passphrase="other words")
        with pytest.raises(WalletFileError, match="already"):
            wallet.backup(tmp_path / "ada.backup", passphrase="other words")
    backup = tmp_path / "ada.backup"
    with pytest.raises(WrongPassphraseError):
        restore(backup, tmp_path / "b.wallet", PASSPHRASE)
    with pytest.raises(WalletFileError, match="already"):
        restore(backup, tmp_path / "ada.wallet", "other words")
    restore(backup, tmp_path / "b.wallet", "other words").close()
    open_wallet(tmp_path / "b.wallet").close()
    backup.write_bytes(backup.read_bytes()[:-1])
    with pytest.raises(WalletFileError, match="damaged"):
        restore(backup, tmp_path / "c.wallet", "other words")
    assert not (tmp_path / "c.wallet").exists()


@clause("IP-32")
def test_a_backup_has_a_key_of_its_own(tmp_path):
    with new_wallet(tmp_path) as wallet:
        wallet.backup(tmp_path / "ada.backup", passphrase=PASSPHRASE)
    one = unseal((tmp_path / "ada.wallet").read_bytes(), PASSPHRASE)[1]
    other = unseal((tmp_path / "ada.backup").read_bytes(), PASSPHRASE)[1]
    assert one.secret != other.secret
    assert one.cost == other.cost == COST


# --- Presenting ---------------------------------------------------------------------------------


@clause("IP-24", "IP-34")
def test_a_presentation_shows_what_was_agreed_to_and_is_remembered(tmp_path):
    with new_wallet(tmp_path) as wallet:
        wallet.add(issue(wallet.new_key()))
        presentation = SdJwt.parse(
            wallet.present(ask("name", "degree"), disclose=["name", "degree"])
        )
        claims = reconstruct(presentation).claims
        assert claims["name"] == "Ada Lovelace"
        assert "born" not in claims
        verify_jws(presentation.issuer_jws, SIGNER.public_key)
    with open_wallet(tmp_path / "ada.wallet") as wallet:
        (use,) = wallet.credentials()[0].uses
        assert (use.at, use.kind, use.audience) == (NOW, "presented", "https://employer.example")
        assert use.claims == ("degree", "name")


@clause("IP-34")
def test_a_shown_code_is_remembered_as_shown_to_nobody_in_particular(tmp_path):
    with new_wallet(tmp_path) as wallet:
        held = wallet.add(issue(wallet.new_key()))
        shown = SdJwt.parse(wallet.show(held.id, disclose=["address.city"]))
        assert set(reconstruct(shown).claims["address"]) == {"city", "street"}
        (use,) = wallet.credentials()[0].uses
        assert (use.kind, use.audience, use.claims) == ("shown", "", ("address",))


@clause("IP-24")
def test_nothing_leaves_and_nothing_is_remembered_without_agreement(tmp_path):
    with new_wallet(tmp_path) as wallet:
        held = wallet.add(issue(wallet.new_key()))
        with pytest.raises(WalletError, match="not shown"):
            wallet.present(ask("name"), agree=lambda _: False)
        with pytest.raises(WalletError, match="not shown"):
            wallet.show(held.id, disclose=["name"], agree=lambda _: False)
        assert wallet.credentials()[0].uses == ()


@clause("IP-24")
def test_what_is_asked_about_is_what_leaves(tmp_path):
    asked = []
    with new_wallet(tmp_path, names=registry()) as wallet:
        wallet.add(issue(wallet.new_key()))
        wallet.present(ask("name", "degree"), agree=lambda c: asked.append(c) or True)
        assert wallet.consent(ask("name", "degree")) == asked[0]
        assert len(wallet.credentials()[0].uses) == 1
    (consent,) = asked
    assert consent.kind is ConsentKind.REQUEST
    assert {
        item.label.strip("\u2068\u2069"): item.value.strip("\u2068\u2069") for item in consent.shown
    } == {
        "name": "Ada Lovelace",
        "degree": "數學學士",
    }
    assert {item.label.strip("\u2068\u2069") for item in consent.hidden} == {
        "born",
        "address.city",
        "address.street",
    }
    assert "employer.example" in consent.text()
    assert "University of London" in consent.text()


@clause("IP-24")
def test_a_wallet_says_why_it_cannot_answer(tmp_path):
    with new_wallet(tmp_path) as wallet:
        with pytest.raises(CredentialNotHeldError, match="no credential of the type"):
            wallet.present(ask("name"))
        held = wallet.add(issue(wallet.new_key()))
        with pytest.raises(CredentialNotHeldError, match="does not have everything") as caught:
            wallet.present(ask("name", "salary"))
        assert "salary" in caught.value.hint
        with pytest.raises(CannotDiscloseError, match="does not ask for born"):
            wallet.present(ask("name"), disclose=["name", "born"])
        with pytest.raises(CannotDiscloseError, match="needs name"):
            wallet.present(ask("name"), disclose=[])
        with pytest.raises(CannotDiscloseError, match="no claim salary"):
            wallet.show(held.id, disclose=["salary"])
        other = wallet.add(issue(wallet.new_key()))
        with pytest.raises(CredentialNotHeldError, match="2 credentials") as caught:
            wallet.present(ask("name"))
        assert held.id in caught.value.hint
        assert wallet.present(ask("name"), credential_id=other.id)
        assert {h.id for h, _ in wallet.answers(ask("name"))} == {held.id, other.id}


# --- Accepting ----------------------------------------------------------------------------------


@clause("I18", "IP-22", "IP-30")
def test_an_offer_is_accepted_after_two_questions(tmp_path):
    issuer = Setting()
    transport = EndpointsTransport(issuer)
    asked = []
    with new_wallet(tmp_path) as wallet:
        offer = issuer.endpoints.offer("diploma", APPROVED, with_tx_code=True)
        held = wallet.accept(
            offer.uri,
            transport=transport,
            accept_unverified=True,
            tx_code=offer.tx_code,
            agree=lambda consent: asked.append(consent) or True,
        )
        assert wallet.credentials() == (held,)
        assert held.source == issuer.endpoints.credential_issuer
        assert held.anchor is not None
        assert wallet.present(ask("name", vct="urn:weid:macau:cpt:1001:1"))
    first, second = asked
    assert first.kind is ConsentKind.OFFER
    assert "issuer.gov.example" in first.text()
    assert "Education Bureau" in first.text()
    assert "not confirmed" in first.text()
    assert second.kind is ConsentKind.RECEIVED
    assert "Ada Lovelace" in second.text()


@clause("IP-16", "IP-22")
def test_an_offer_may_be_read_first_and_accepted_later(tmp_path):
    issuer = Setting()
    transport = EndpointsTransport(issuer)
    with new_wallet(tmp_path) as wallet:
        preview = wallet.read_offer(
            issuer.endpoints.offer("diploma", APPROVED).uri, transport=transport
        )
        assert issuer.named() == ["offered"]
        held = wallet.accept(preview, transport=transport, accept_unverified=True)
        assert held.credential.issuer == "did:weid:macau:2VbXfGpnTcQZqYjz9RkWm4sLhDtE"
        assert held.credential.anchor == held.anchor


@clause("I18", "IP-22")
def test_an_offer_that_is_declined_is_not_redeemed(tmp_path):
    issuer = Setting()
    with new_wallet(tmp_path) as wallet:
        offer = issuer.endpoints.offer("diploma", APPROVED)
        with pytest.raises(WalletError, match="not accepted"):
            wallet.accept(
                offer.uri,
                transport=EndpointsTransport(issuer),
                accept_unverified=True,
                agree=lambda _: False,
            )
        assert issuer.named() == ["offered"]
        assert wallet.accept(
            offer.uri, transport=EndpointsTransport(issuer), accept_unverified=True
        )


@clause("I18", "IP-22")
def test_a_credential_about_somebody_else_can_be_declined(tmp_path):
    issuer = Setting()
    with new_wallet(tmp_path) as wallet:
        offer = issuer.endpoints.offer("diploma", APPROVED)
        with pytest.raises(WalletError, match="not kept"):
            wallet.accept(
                offer.uri,
                transport=EndpointsTransport(issuer),
                accept_unverified=True,
                agree=lambda consent: consent.kind is ConsentKind.OFFER,
            )
        assert wallet.credentials() == ()


@clause("V10", "IP-15")
def test_an_offer_from_this_machine_needs_a_transport_for_development(tmp_path):
    issuer = Setting(issuer="http://127.0.0.1:5001")

    def look_up(host: str, port: int) -> list[str]:
        raise AssertionError(f"{host}:{port} must not be looked up")

    with new_wallet(tmp_path) as wallet:
        offer = issuer.endpoints.offer("diploma", APPROVED)
        with pytest.raises(TransportError, match="not a plain https URL"):
            wallet.accept(
                offer.uri, transport=GuardedTransport(look_up=look_up), accept_unverified=True
            )
        assert wallet.accept(
            offer.uri, transport=EndpointsTransport(issuer), accept_unverified=True
        )


@clause("V10")
def test_an_offer_whose_address_is_refused_is_not_followed(tmp_path):
    issuer = Setting()
    transport = EndpointsTransport(issuer)
    transport.replies["/offers/"] = TransportError("an address that is not public", refused=True)
    with new_wallet(tmp_path) as wallet, pytest.raises(TransportError):
        wallet.accept(
            issuer.endpoints.offer("diploma", APPROVED).uri,
            transport=transport,
            accept_unverified=True,
        )


def test_a_file_of_another_wallet_key_is_not_confused():
    key = WalletKey(b"\x01" * 32, b"\x02" * 16, COST)
    file = seal(b"x", key, random=lambda count: b"\x03" * count)
    with pytest.raises(WrongPassphraseError):
        unseal(file, PASSPHRASE)
