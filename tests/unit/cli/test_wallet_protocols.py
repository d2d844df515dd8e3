"""The wallet's commands towards issuers and verifiers: sign-in, copies, waiting, answering."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from unittest import mock
from urllib.parse import urlencode

import pytest

from tests.support.clauses import clause
from tests.support.world import CLAIMS, World
from tests.unit.openid4vp.asking import ROOT, STRANGER, Desk
from tests.unit.wallet.peer_issuer import SERVER, PeerIssuer
from weid.cli.loopback import RedirectListener
from weid.cli.wallet_answering import AUTHORITIES, TRANSACTION_TYPES
from weid.errors import WalletError
from weid.openid4vp.transaction_types import AGREEMENT
from weid.verification.transaction_data import TransactionData
from weid.wallet.wallet import Wallet

PASS = ("--passphrase-file", "pass")


@pytest.fixture
def shell(shell):
    shell.secret("pass")
    assert shell.run("wallet", "create", *PASS)[0] == 0
    return shell


@pytest.fixture
def peer() -> Iterator[PeerIssuer]:
    made = PeerIssuer(World.begin(at=int(time.time())))
    with mock.patch("weid.transport.GuardedTransport", return_value=made):
        yield made


# --- Taking in ---------------------------------------------------------------------------------


@clause("IP-74")
def test_copies_are_one_certificate_in_the_list(shell, peer):
    peer.batches(3)
    code, out, err = shell.run("wallet", "accept", peer.offer(), "-y", "--unverified", *PASS)
    assert code == 0, err
    assert "in 3 copies" in err
    assert err.endswith("Kept.\n")
    (one,) = shell.json("wallet", "list", *PASS)
    assert one["id"] == out.strip()
    assert (one["used"], one["copies"], one["copies_not_used"]) == ("never", 3, 3)


@clause("IP-34", "IP-74", "PP-81")
def test_a_certificate_tells_where_each_of_its_copies_was_shown(shell, peer):
    peer.batches(2)
    shell.run("wallet", "accept", peer.offer(), "-y", "--unverified", *PASS)
    (one,) = shell.json("wallet", "list", *PASS)
    for _ in range(2):
        code, _, err = shell.run("wallet", "show", one["id"], "--disclose", "name", "-y", *PASS)
        assert code == 0, err
    seen = shell.json("wallet", "view", one["id"], *PASS)
    assert (seen["used"], seen["copies"], seen["copies_not_used"]) == ("2 times", 2, 0)
    first, second = (use["copy"] for use in seen["uses"])
    assert first == one["id"] != second
    assert shell.run("wallet", "remove", one["id"], "-y", *PASS)[0] == 0
    assert shell.json("wallet", "list", *PASS) == []


@clause("IP-70", "IP-71")
def test_a_person_comes_back_from_the_issuers_page_to_the_command(shell, peer):
    pushed = peer._par

    def par(body: bytes, *rest: object):
        reply = pushed(body, *rest)
        state, place = peer.pushed["state"], peer.pushed["redirect_uri"]
        peer.asked = dict(peer.pushed)
        answer = urlencode({"code": "a-1", "state": state, "iss": SERVER})
        browser = threading.Thread(target=fetch, args=(f"{place}?{answer}",), daemon=True)
        browser.start()
        return reply

    peer._par = par
    offer = peer.offer(by_page=True)
    code, _, err = shell.run("wallet", "accept", offer, "-y", "--unverified", *PASS)
    assert code == 0, err
    assert "Sign in with the issuer" in err
    assert peer.asked["redirect_uri"].startswith("http://127.0.0.1:")
    assert "a-1" not in err


@clause("IP-76")
def test_what_is_not_decided_is_collected_by_a_command(shell, peer):
    peer.undecided, peer.interval = 1, 30_000
    told = shell.json("wallet", "accept", peer.offer(), "-y", "--unverified", *PASS)
    assert told == {"id": None, "kept": [], "awaited": 1}
    told = shell.json("wallet", "collect", "-y", "--unverified", *PASS)
    assert told["awaited"] == 1, "it is not time yet"
    with mock.patch("weid.cli.wallet_receiving.time.sleep") as slept:
        command = ("wallet", "collect", "-y", "--unverified", "--wait", "40000", *PASS)
        told = shell.json(*command)
    assert slept.called
    assert len(told["kept"]) == 1
    assert shell.json("wallet", "collect", "-y", "--unverified", *PASS)["kept"] == []


@clause("IP-19")
def test_a_refusal_is_the_commands_end(shell, peer):
    peer.metadata["credential_response_encryption"] = {"encryption_required": True}
    code, out, err = shell.run("wallet", "accept", peer.offer(), "-y", "--unverified", *PASS)
    assert (code, out) == (1, "")
    assert "encryption" in err


# --- The listener ------------------------------------------------------------------------------


def fetch(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=30) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code


@clause("IP-71")
def test_the_listener_hears_its_own_path_only():
    with RedirectListener() as listener:
        place = listener.redirect_uri
        seen = []

        def visit() -> None:
            origin = place.rpartition("/")[0]
            seen.extend(
                map(fetch, (f"{origin}/favicon.ico", f"{place}x?code=1", f"{place}?code=2"))
            )

        browser = threading.Thread(target=visit)
        browser.start()
        assert listener.wait() == f"{place}?code=2"
        browser.join()
    assert seen == [404, 404, 200]


def test_a_port_that_is_taken_is_said_to_be():
    with RedirectListener() as listener:
        port = int(listener.redirect_uri.rpartition(":")[2].partition("/")[0])
        with pytest.raises(WalletError) as caught:
            RedirectListener(port)
    assert "--redirect-port" in caught.value.hint


def test_nobody_is_waited_for_without_end():
    with (
        RedirectListener(seconds=0.01) as listener,
        pytest.raises(WalletError, match="nobody came back"),
    ):
        listener.wait()


# --- Answering ---------------------------------------------------------------------------------


@pytest.fixture
def desk(shell) -> Iterator[Desk]:
    """A verifier, asked by a wallet that holds a diploma."""
    made = Desk(World.begin(at=int(time.time())))
    passphrase = (shell.folder / "pass").read_text().strip()
    with Wallet.open(shell.home / "wallet.weid", passphrase=passphrase) as wallet:
        key = wallet.new_key()
        wallet.add(made.world.issuer.issue(made.world.template, CLAIMS, holder_key=key))
    with mock.patch("weid.transport.GuardedTransport", return_value=made.transport):
        yield made


def pem(shell, authority, name: str) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    path = shell.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    return str(path)


@clause("PP-80", "PP-82")
@pytest.mark.parametrize("kept", [False, True])
def test_a_request_is_answered_by_a_command(shell, desk, kept):
    begun = desk.begin()
    if kept:
        pem(shell, ROOT, f"home/{AUTHORITIES}/root.pem")
        options = ()
    else:
        options = ("--authority", pem(shell, ROOT, "root.pem"))
    code, _, err = shell.run("wallet", "answer", begun.link, "-y", *options, *PASS)
    assert code == 0, err
    assert "An authority that you trust certified it." in err
    assert "Shown" in err
    assert desk.state(begun)["state"] == "answered"
    (one,) = shell.json("wallet", "list", *PASS)
    assert one["used"] == "1 time"


@clause("PP-85", "PP-52")
@pytest.mark.parametrize("how", ["built in", "named", "kept"])
def test_what_is_agreed_to_is_told_before_a_command_answers(shell, desk, how):
    kind, members = AGREEMENT, {"text": "I agree to the rules."}
    options: tuple[str, ...] = ("--authority", pem(shell, ROOT, "root.pem"))
    if how != "built in":
        kind, members = "urn:example:loan", {"book": "Notes"}
        types = json.dumps({kind: {"label": "A loan", "members": {"book": "Book"}}})
        place = "types.json" if how == "named" else f"home/{TRANSACTION_TYPES}"
        (shell.folder / place).write_text(types)
        options += ("--transaction-types", place) if how == "named" else ()
    begun = desk.begin(transactions=(TransactionData.create(kind, ["diploma"], members),))
    code, _, err = shell.run("wallet", "answer", begun.link, "-y", *options, *PASS)
    assert code == 0, err
    said = err.replace("\u2068", "").replace("\u2069", "")
    words = "An agreement; It says: I agree to the rules." if how == "built in" else "A loan; Book"
    assert f"You would also agree to: {words}" in said
    assert f"Agreed to {kind}: its hash is in the answer." in said
    (agreed,) = desk.state(begun)["report"]["transactions"]
    assert agreed["type"] == kind


@clause("PP-53", "PP-85")
def test_a_kind_of_transaction_that_nobody_explained_is_refused(shell, desk):
    entry = TransactionData.create("urn:example:loan", ["diploma"], {"book": "Notes"})
    begun = desk.begin(transactions=(entry,))
    authority = ("--authority", pem(shell, ROOT, "root.pem"))
    code, _, err = shell.run("wallet", "answer", begun.link, "-y", *authority, *PASS)
    assert (code, "of a type that this wallet does not know" in err) == (1, True)
    assert desk.state(begun)["error"] == "invalid_transaction_data"


@clause("PP-84", "V9")
def test_a_verifier_for_whom_nobody_vouches_is_refused_by_the_command(shell, desk):
    begun = desk.begin()
    stranger = ("--authority", pem(shell, STRANGER, "stranger.pem"))
    code, out, err = shell.run("wallet", "answer", begun.link, "-y", *stranger, *PASS)
    assert (code, out) == (1, "")
    assert "no authority that is trusted" in err
    assert desk.state(begun)["state"] != "answered"
    code, _, err = shell.run("wallet", "answer", begun.link, "-y", "--accept-unconfirmed", *PASS)
    assert code == 0, err
    assert "Nobody whom you trust says who that is" in err


@clause("IP-24")
def test_nobody_there_to_ask_answers_nothing(shell, desk):
    begun = desk.begin()
    authority = ("--authority", pem(shell, ROOT, "root.pem"))
    code, _, err = shell.run("wallet", "answer", begun.link, *authority, *PASS)
    assert code == 2
    assert "add --yes" in err
    assert desk.state(begun)["state"] != "answered"
    code, _, err = shell.run("wallet", "present", begun.link, *PASS)
    assert code == 2
    assert "weid wallet answer" in err
    code, _, err = shell.run("wallet", "answer", "no link", *authority, *PASS)
    assert code == 2
    assert "neither an openid4vp:// link nor a file" in err
