"""`weid wallet add`: what comes as a file is verified before it is kept, unless that is waived."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from registry_chain import LocalRegistry
from tests.support.clauses import clause
from tests.support.cli_world import NodeServer
from tests.support.world import draft, seeded
from weid.credential.sd_jwt import SdJwt
from weid.crypto.jws import create_jws
from weid.crypto.keys import PublicKey
from weid.crypto.signer import InMemorySigner
from weid.issuer import Issuer

ADA = {"name": "Ada", "degree": "Mathematics", "number": "D-1"}


@pytest.fixture
def wallet(shell):
    """Commands of a new wallet."""
    shell.secret("pass")
    shell.run("wallet", "create", "--passphrase-file", "pass")

    def run(*command):
        return shell.run("wallet", *command, "--passphrase-file", "pass")

    return run


@clause("IP-35")
def test_a_file_is_kept_when_the_registry_knows_who_made_it(shell, wallet):
    registry = LocalRegistry(network="test")
    issuer = Issuer.register("University", registry=registry)
    template = issuer.publish(draft())
    registry.governor.recognize(issuer.did, template)
    key = PublicKey.from_jwk(json.loads(wallet("new-key")[1]))
    good = issuer.issue(template, ADA, holder_key=key, valid_for=timedelta(days=9)).text
    parsed = SdJwt.parse(good)
    jws = parsed.issuer_jws
    forged = create_jws(jws.header, jws.payload, InMemorySigner(seeded(9)))
    (shell.folder / "good.txt").write_text(good)
    (shell.folder / "forged.txt").write_text("~".join([forged, *parsed.disclosures, ""]))

    code, _, said = wallet("add", "good.txt", "-y")
    assert (code, "not trusted yet" in said, "--unverified" in said) == (1, True, True)
    node = NodeServer(registry)
    shell.run(
        "trust", "add", "test", "--genesis", node.genesis, "--node", node.url,
        "--unsafe-loopback-http",
    )  # fmt: skip
    code, _, said = wallet("add", "forged.txt", "-y")
    assert (code, "issuer_signature" in said) == (10, True)
    code, _, said = wallet("add", "good.txt", "-y")
    assert (code, "(confirmed by the registry)" in said) == (0, True)
    node.close()
    code, _, said = wallet("add", "good.txt", "-y")
    assert (code, "--unverified" in said) == (20, True)
    code, _, said = wallet("add", "forged.txt", "-y", "--unverified")
    assert (code, "Nobody verified it" in said, "(confirmed" in said) == (0, True, False)
    assert len(json.loads(wallet("list", "--json")[1])) == 2
