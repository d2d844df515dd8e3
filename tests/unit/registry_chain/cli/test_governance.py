"""`registry-chain governance …` against a node: what is looked up, and ids in both spellings."""

from __future__ import annotations

import json
import shlex

import pytest

from registry_chain import LocalRegistry
from registry_chain.cli.node_proposals import proposal_to_admit
from tests.support.clauses import clause
from tests.support.cli_world import NodeServer
from tests.support.network_nodes import admission, key_of, node_id, rotation
from tests.support.node_world import template_document
from weid.clock import SystemClock
from weid.crypto.key_file import KeyFileCost, save_key_file
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import base64url_encode
from weid.registry.author import Author, create_did
from weid.registry.node_operations import ChangeNode, NodeRole, RemoveNode
from weid.registry.operations import (
    Approve,
    DeactivateDid,
    GrantRole,
    Propose,
    PublishTemplate,
    Role,
)
from weid.registry.transaction import proposal_id

PASSPHRASE = "correct horse battery"
NOBODY = "did:weid:local:7bGyoFAnNKJjczQSEMNfJNYgyZDu"


class Consortium:
    """A registry behind a node; two governors, who must both agree."""

    def __init__(self, chain, folder):
        self.chain = chain
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
            (*(() if "--as" in words else ("--as", self.registry.governor.did)),
             "--key", self.key, "--passphrase-file", self.passphrase)
            if words[0] != "list" else ()
        )  # fmt: skip
        return self.chain(
            "governance", *words, "--node", self.node.url, "--genesis", self.node.genesis,
            "--unsafe-loopback-http", *acting, "--", *last,
        )  # fmt: skip

    def decide(self, action):
        """Carry out an action that both governors approve."""
        expires = self.registry.head().time + 600
        receipt = self.other.submit(Propose(action, expires))
        self.registry.endorser.submit(Approve(proposal_id(receipt.transaction_id, 0)))

    def close(self):
        self.node.close()
        self.registry.close()


@pytest.fixture
def town(chain, tmp_path):
    town = Consortium(chain, tmp_path)
    yield town
    town.close()


NODE, VALIDATOR, GATE = node_id("audit"), node_id("harbour"), node_id("gate")
LOCAL = "local"


def proposed(admit):
    """Return what `governance propose` is told for an admission."""
    words = shlex.split(proposal_to_admit(admit))
    assert words[:3] == ["registry-chain", "governance", "propose"]
    return words[3:]


def new_keys(rotate):
    """Return the options of `rotate-node-keys` for a rotation."""
    words = [word for proof in rotate.proofs for word in ("--proof", proof.hex())]
    if rotate.new_node_id:
        words += ["--new-id", rotate.new_node_id.hex(), "--node-key", rotate.new_node_key.hex()]
    if rotate.new_validator_key:
        words += ["--validator-key", rotate.new_validator_key.hex()]
    return words


UNKNOWN = {
    "recognize a DID": (("recognize", NOBODY, "diploma"), f"no DID {NOBODY}"),
    "recognize for a template": (("recognize", "ISSUER", "diplomas"), "no template diplomas"),
    "recognize neither": (("recognize", NOBODY, "diplomas"), "no template diplomas"),
    "accredit a DID": (("accredit", NOBODY, "diploma"), f"no DID {NOBODY}"),
    "accredit for a template": (("accredit", "ISSUER", "diplomas"), "no template diplomas"),
    "derecognize": (("derecognize", "ISSUER", "diploma"), "never recognized"),
    "grant": (("grant", NOBODY, "issuer"), f"no DID {NOBODY}"),
    "revoke": (("revoke", "ISSUER", "registrar"), "does not have the role registrar"),
    "admit with an operator": (
        proposed(admission(NODE, NodeRole.OBSERVER, "Audit", NOBODY, network=LOCAL)),
        f"no DID {NOBODY}",
    ),
    "change a node": (("change-node", "66" * 20, "--name", "x"), f"no node {'66' * 20}"),
    "suspend a node": (("suspend-node", "66" * 20), f"no node {'66' * 20}"),
    "reinstate a node": (("reinstate-node", "66" * 20), f"no node {'66' * 20}"),
    "remove a node": (("remove-node", "66" * 20), f"no node {'66' * 20}"),
    "rotate a node's keys": (
        ("rotate-node-keys", "66" * 20, *new_keys(rotation(b"\x66" * 20, NODE, network=LOCAL))),
        f"no node {'66' * 20}",
    ),
    "hand over to nobody": (("hand-over", "cometbft"), "no active validator"),
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


@pytest.mark.parametrize(
    "words",
    [
        ("recognize", "ISSUER", "diploma"),
        ("accredit", "ISSUER", "diploma"),
        ("grant", "ISSUER", "issuer"),
        ("parameter", "max_time_lag", "120"),
    ],
)
def test_what_is_proposed_already_is_not_proposed_again_by_mistake(town, words, monkeypatch):
    words = [town.issuer if word == "ISSUER" else word for word in words]
    code, out, _ = town.run("propose", *words)
    assert code == 0
    first = json.loads(out)["id"]
    before = len(town.registry.proposals())
    # Later, and for another reason, it is still the same.
    now = SystemClock().now()
    monkeypatch.setattr(SystemClock, "now", lambda _: now + 5)
    code, out, err = town.run("propose", *words, "--reason", "once more")
    assert (code, out) == (1, "")
    assert f"proposed already: {first}, with 1 of 2 approvals" in err
    assert f"governance approve {first}" in err
    assert len(town.registry.proposals()) == before
    code, out, err = town.run("propose", *words, "--again")
    assert code == 0, err
    assert json.loads(out)["id"] != first


def test_what_is_decided_or_has_run_out_can_be_proposed_again(town, monkeypatch):
    words = ("propose", "parameter", "max_time_lag", "120", "--days", "1")
    _, out, _ = town.run(*words)
    town.other.submit(Approve(bytes.fromhex(json.loads(out)["id"])))
    assert town.run(*words)[0] == 0
    now = SystemClock().now()
    monkeypatch.setattr(
        "registry_chain.cli.proposing.is_open", lambda one, _: one.expires >= now + 2 * 86_400
    )
    assert town.run(*words)[0] == 0


def test_another_action_is_another_proposal(town):
    assert town.run("propose", "parameter", "max_time_lag", "120")[0] == 0
    assert town.run("propose", "parameter", "max_time_lag", "121")[0] == 0


@pytest.mark.parametrize(
    ("who", "options", "said"),
    [
        ("second", (), "it is of another DID"),
        ("first", ("--key-id", "control-9"), "it is --key-id control-1"),
        ("nobody", (), f"the registry has no DID {NOBODY}"),
    ],
)
def test_a_key_that_is_not_the_one_of_the_did_is_told_before_it_signs(town, who, options, said):
    acting = {"first": town.registry.governor.did, "second": town.second, "nobody": NOBODY}[who]
    before = town.registry.head()
    code, out, err = town.run(
        "propose", "parameter", "max_time_lag", "120", "--as", acting, *options
    )
    assert (code, out) == (1, "")
    assert said in err
    assert who == "nobody" or "--as, --key and --key-id belong together" in err
    assert town.registry.head() == before


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


# --- Nodes ------------------------------------------------------------------------------------------


@pytest.fixture
def networked(town):
    """The registry with an observer, a validator and a node that was removed."""
    for action in (
        admission(NODE, NodeRole.OBSERVER, "Audit office", town.issuer, network=LOCAL),
        admission(
            VALIDATOR, NodeRole.VALIDATOR, "Harbour", "", key_of("harbour"), 10, network=LOCAL
        ),
        admission(GATE, NodeRole.SENTRY, "Gate", network=LOCAL),
        RemoveNode(GATE),
    ):
        town.decide(action)
    return town


ACTIONS = {
    "change a node": (
        ("change-node", VALIDATOR.hex(), "--power", "7"),
        {"kind": "ChangeNode", "node_id": VALIDATOR.hex(), "role": None, "power": 7, "name": None},
    ),
    "name a node's operator": (
        ("change-node", VALIDATOR.hex(), "--operator", "ISSUER"),
        {"kind": "AssignOperator", "node_id": VALIDATOR.hex(), "operator": "ISSUER"},
    ),
    "suspend a node": (
        ("suspend-node", NODE.hex().upper()), {"kind": "SuspendNode", "node_id": NODE.hex()},
    ),
    "reinstate a node": (
        ("reinstate-node", NODE.hex()), {"kind": "ReinstateNode", "node_id": NODE.hex()},
    ),
    "remove a node": (
        ("remove-node", NODE.hex()), {"kind": "RemoveNode", "node_id": NODE.hex()},
    ),
    "schedule rules": (
        ("schedule-rules", "2", "900"),
        {"kind": "ScheduleRules", "rules_version": 2, "height": 900},
    ),
    "hand over": (("hand-over", "cometbft"), {"kind": "HandOver", "engine": "cometbft"}),
}  # fmt: skip


@pytest.mark.parametrize("what", ACTIONS)
def test_what_is_decided_of_nodes_is_proposed(networked, what):
    words, action = ACTIONS[what]
    words = [networked.issuer if word == "ISSUER" else word for word in words]
    if action.get("operator"):
        action = {**action, "operator": networked.issuer}
    code, out, err = networked.run("propose", *words, "--reason", "agreed")
    assert code == 0, err
    made = json.loads(out)
    assert (made["action"], made["reason"]) == (action, "agreed")


@clause("OP-32")
def test_a_node_is_proposed_by_the_printed_command_and_by_no_other(networked):
    new = node_id("new")
    for admit in (
        admission(new, NodeRole.VALIDATOR, "New office", "", key_of("new"), 10, network=LOCAL),
        admission(new, NodeRole.OBSERVER, "New", networked.issuer, key_of("new"), network=LOCAL),
        admission(new, NodeRole.SENTRY, "New", network=LOCAL),
    ):
        words = proposed(admit)
        code, _, err = networked.run("propose", *words[:-1], "00" * 64)
        assert code == 4
        assert "did not prove that its owner has it" in err
        code, out, err = networked.run("propose", *words)
        assert code == 0, err
        assert json.loads(out)["action"] == {
            "kind": "AdmitNode",
            "node_id": new.hex(),
            "role": admit.role.value,
            "name": admit.name,
            "operator": admit.operator,
            "validator_key": admit.validator_key.hex(),
            "power": admit.power,
            "node_key": admit.node_key.hex(),
            "proofs": [proof.hex() for proof in admit.proofs],
        }


@clause("OP-32")
def test_new_keys_of_a_node_are_proposed_with_their_proofs(networked):
    made = rotation(NODE, node_id("audit2"), key_of("audit2"), network=LOCAL)
    words, lacking = new_keys(made), ("--new-id", made.new_node_id.hex())
    code, _, err = networked.run("propose", "rotate-node-keys", NODE.hex(), *lacking)
    assert code == 2
    assert "--new-id and --node-key belong together" in err
    code, _, err = networked.run("propose", "rotate-node-keys", NODE.hex(), *words, "--proof", "ab")
    assert code == 2
    assert "128 hexadecimal digits" in err
    code, out, err = networked.run("propose", "rotate-node-keys", NODE.hex(), *words)
    assert code == 0, err
    assert json.loads(out)["action"] == {
        "kind": "RotateNodeKeys",
        "node_id": NODE.hex(),
        "new_node_id": made.new_node_id.hex(),
        "new_validator_key": made.new_validator_key.hex(),
        "new_node_key": made.new_node_key.hex(),
        "proofs": [proof.hex() for proof in made.proofs],
    }


@pytest.mark.parametrize("unknown", [(), ("--allow-unknown",)])
def test_rules_from_a_height_that_comes_too_soon_are_refused_before_anything_is_signed(
    networked, monkeypatch, unknown
):
    before = len(networked.registry.proposals())
    newest = networked.registry.head().height
    monkeypatch.setattr(Author, "submit", pytest.fail)
    for height in (1, newest, newest + 20):
        words = ("propose", "schedule-rules", "2", height, *unknown)
        code, out, err = networked.run(*words)
        assert (code, out) == (1, "")
        assert f"the newest block has the height {newest}" in err
        assert f"Try: name a height from {newest + 21} on" in err
    monkeypatch.undo()
    assert len(networked.registry.proposals()) == before
    assert networked.run("propose", "schedule-rules", "2", newest + 21)[0] == 0


WRONG_NODES = {
    "a node id that is too short": ("suspend-node", "66" * 19),
    "a validator without key": ("admit-node", "66" * 20, "validator", "x"),
    "an observer with power": ("admit-node", "66" * 20, "observer", "x", "--power", "3"),
    "a validator without power": (
        "admit-node", "66" * 20, "validator", "x", "--validator-key", "ab" * 32, "--power", "0", "--node-key", "ab" * 32,
    ),
    "a role that there is not": ("admit-node", "66" * 20, "king", "x"),
    "too much power": ("change-node", "66" * 20, "--power", "1000001"),
    "no change": ("change-node", "66" * 20),
    "an operator and a power": (
        "change-node", "66" * 20, "--power", "3", "--no-operator",
    ),
    "an operator and none": (
        "change-node", "66" * 20, "--no-operator", "--operator", "did:weid:test:x",
    ),
    "a sentry with power": ("change-node", "66" * 20, "--role", "sentry", "--power", "3"),
    "no new keys": ("rotate-node-keys", "66" * 20),
    "an engine that there is not": ("hand-over", "steam"),
    "the rules set at once": ("parameter", "rules_version", "2"),
    "a node without a name": ("admit-node", "66" * 20, "observer", ""),
    "a node's name of blanks": ("change-node", "66" * 20, "--name", " "),
    "a recognition that is over": ("recognize", NOBODY, "diploma", "--until", "5"),
    "a recognition until before time": ("recognize", NOBODY, "diploma", "--until", "-5"),
    "a recognition beyond time": ("recognize", NOBODY, "diploma", "--until", str(2**63)),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG_NODES)
def test_a_decision_that_cannot_be_is_a_wrong_call(town, what):
    before = len(town.registry.proposals())
    code, out, err = town.run("propose", *WRONG_NODES[what])
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 2
    assert len(town.registry.proposals()) == before


def test_a_removed_node_is_not_named_by_mistake(networked):
    code, _, err = networked.run("propose", "suspend-node", GATE.hex())
    assert code == 1
    assert "removed for ever" in err


def test_the_nodes_are_listed_with_proof(networked):
    asked = (
        "nodes", "--node", networked.node.url, "--genesis", networked.node.genesis,
        "--unsafe-loopback-http",
    )  # fmt: skip
    code, out, err = networked.chain(*asked)
    assert (code, err) == (0, "")
    voting, observer = out.splitlines()
    assert observer.split("  ")[0] == NODE.hex()
    assert "observer" in observer
    assert "Audit office" in observer
    assert networked.issuer in observer
    assert "power" not in observer
    assert "power 10" in voting
    networked.decide(ChangeNode(VALIDATOR, name="Port"))
    code, out, _ = networked.chain(*asked, "--all", "--json")
    found = json.loads(out)
    assert [one["name"] for one in found["nodes"]] == ["Port", "Audit office", "Gate"]
    assert [one["status"] for one in found["nodes"]] == ["active", "active", "removed"]
    assert found["nodes"][0]["validator_key"] == key_of("harbour").hex()
    assert (found["scheduled_rules"], found["handed_over"]) == (None, None)


def test_the_list_of_nodes_of_another_registry_is_refused(networked):
    code, out, err = networked.chain(
        "nodes", "--node", networked.node.url, "--genesis", "00" * 32, "--unsafe-loopback-http"
    )
    assert (code, out) == (1, "")
    assert "genesis" in err


@pytest.mark.parametrize(
    "words", [(), ("DIR", "--node", "http://x.example"), ("--node", "http://x.example")]
)
def test_nodes_needs_to_know_of_which_registry(chain, tmp_path, words):
    given = [tmp_path if word == "DIR" else word for word in words]
    code, out, err = chain("nodes", *given)
    assert (code, out) == (2, "")
    assert "--genesis" in err


def test_a_stopped_node_lists_its_nodes_too(chain, begun):
    code, out, err = chain("nodes", begun)
    assert (code, out, err) == (0, "no nodes\n", "")
