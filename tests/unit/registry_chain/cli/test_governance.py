"""`registry-chain governance …` against a node: what is looked up, and ids in both spellings."""

from __future__ import annotations

import json

import pytest

from registry_chain import LocalRegistry
from tests.support.cli_world import NodeServer
from tests.support.node_world import template_document
from weid.crypto.key_file import KeyFileCost, save_key_file
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import base64url_encode
from weid.registry.author import Author, create_did
from weid.registry.operations import DeactivateDid, GrantRole, Propose, PublishTemplate, Role
from weid.registry.transaction import proposal_id

PASSPHRASE = "correct horse battery"
NOBODY = "did:weid:local:7bGyoFAnNKJjczQSEMNfJNYgyZDu"


class Consortium:
    """A registry behind a node; two governors, who must both agree."""

    def __init__(self, chain, folder):
        self._chain = chain
        self.registry = LocalRegistry()
        signer = InMemorySigner(PrivateKey.from_seed(b"\x03" * 32))
        self.issuer, author = create_did(self.registry, [signer], clock=self.registry._clock)
        author.submit(PublishTemplate("diploma", 1, template_document()))
        self.author = author
        self.key = folder / "governor.key"
        governor = self.registry.endorser
        save_key_file(
            self.key, governor.signers["control-1"]._key, PASSPHRASE, cost=KeyFileCost(1, 8)
        )
        self.passphrase = folder / "passphrase"
        self.passphrase.touch(0o600)
        self.passphrase.write_text(PASSPHRASE + "\n")
        second = InMemorySigner(PrivateKey.from_seed(b"\x04" * 32))
        self.second, _ = create_did(self.registry, [second], clock=self.registry._clock)
        self.registry.governor.grant(self.second, Role.GOVERNOR)
        self.other = Author(self.second, {"control-1": second}, self.registry, self.registry._clock)
        self.registry.governor.set_parameter("governance_threshold", 2)
        self.node = NodeServer(self.registry)

    def run(self, *words, last=()):
        """Run a governance command as the first governor; `last` may begin with a dash."""
        acting = (
            ("--as", self.registry.governor.did, "--key", self.key, "--passphrase-file",
             self.passphrase)
            if words[0] != "list" else ()
        )  # fmt: skip
        return self._chain(
            "governance", *words, "--node", self.node.url, "--genesis", self.node.genesis,
            "--unsafe-loopback-http", *acting, "--", *last,
        )  # fmt: skip

    def close(self):
        self.node.close()
        self.registry.close()


@pytest.fixture
def town(chain, tmp_path):
    town = Consortium(chain, tmp_path)
    yield town
    town.close()


UNKNOWN = {
    "recognize a DID": (("recognize", NOBODY, "diploma"), f"no DID {NOBODY}"),
    "recognize for a template": (("recognize", "ISSUER", "diplomas"), "no template diplomas"),
    "recognize neither": (("recognize", NOBODY, "diplomas"), "no template diplomas"),
    "accredit a DID": (("accredit", NOBODY, "diploma"), f"no DID {NOBODY}"),
    "accredit for a template": (("accredit", "ISSUER", "diplomas"), "no template diplomas"),
    "derecognize": (("derecognize", "ISSUER", "diploma"), "never recognized"),
    "grant": (("grant", NOBODY, "issuer"), f"no DID {NOBODY}"),
    "revoke": (("revoke", "ISSUER", "registrar"), "does not have the role registrar"),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_the_registry_does_not_have_is_not_proposed_by_mistake(town, what):
    words, said = UNKNOWN[what]
    words = [town.issuer if word == "ISSUER" else word for word in words]
    before = len(town.registry.proposals())
    code, out, err = town.run("propose", *words)
    assert (code, out) == (1, "")
    assert said in err
    assert "--allow-unknown" in err
    assert len(town.registry.proposals()) == before
    code, out, err = town.run("propose", *words, "--allow-unknown")
    assert code == 0, err
    assert len(town.registry.proposals()) == before + 1
    assert json.loads(out)["executed"] is None


def test_who_has_ended_is_not_recognized_by_mistake(town):
    town.author.submit(DeactivateDid(town.issuer, 1))
    code, _, err = town.run("propose", "recognize", town.issuer, "diploma")
    assert code == 1
    assert "has ended" in err


def test_what_is_there_is_proposed_and_approved(town):
    code, out, err = town.run("propose", "recognize", town.issuer, "diploma", "--reason", "exams")
    assert (code, err) == (0, "1 of 2 approvals: waiting for more approvals\n")
    made = json.loads(out)
    assert made["action"] == {
        "kind": "RecognizeIssuer", "did": town.issuer, "cpt_id": "diploma",
        "valid_from": made["action"]["valid_from"], "valid_until": None,
    }  # fmt: skip
    assert made["reason"] == "exams"
    code, _, err = town.run("propose", "derecognize", town.issuer, "diploma", "--quiet")
    assert code == 1
    assert "never recognized" in err


@pytest.mark.parametrize("spelling", ["hex", "capitals", "base64url"])
def test_a_proposal_is_named_as_pages_show_it_or_as_the_api_has_it(town, spelling):
    action = GrantRole(town.issuer, Role.REGISTRAR)
    expires = town.registry.head().time + 600
    receipt = town.other.submit(Propose(action, expires))
    identifier = proposal_id(receipt.transaction_id, 0)
    spell = {
        "hex": identifier.hex(),
        "capitals": identifier.hex().upper(),
        "base64url": base64url_encode(identifier),
    }
    code, out, err = town.run("list", last=[spell[spelling]])
    assert code == 0, err
    assert [one["id"] for one in json.loads(out)] == [identifier.hex()]
    code, out, err = town.run("approve", last=[spell[spelling]])
    assert (code, err) == (0, "2 of 2 approvals: done\n")
    assert json.loads(out)["id"] == identifier.hex()


def test_a_proposal_that_is_not_there_is_told(town):
    for words in (["list", "00" * 32], ["approve", "00" * 32]):
        code, out, err = town.run(*words)
        assert (code, out) == (1, "")
        assert f"no proposal {'00' * 32}" in err


def test_a_parameter_is_set_by_its_name(town):
    code, out, err = town.run("propose", "parameter", "max_time_lag", "120")
    assert code == 0, err
    assert json.loads(out)["action"] == {
        "kind": "SetParameter",
        "name": "max_time_lag",
        "value": 120,
    }
