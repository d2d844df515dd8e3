"""What the wallet's commands keep is verified: before it is kept, or before it is shown."""

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
from weid.wallet.wallet import Wallet

PASSPHRASE = "correct horse battery staple"
ADA = {"name": "Ada", "degree": "Mathematics", "number": "D-1"}


@pytest.fixture
def wallet(shell):
    """Commands of a new wallet."""
    shell.secret("pass")
    shell.run("wallet", "create", "--passphrase-file", "pass")

    def run(*command):
        return shell.run("wallet", *command, "--passphrase-file", "pass")

    return run


def issue(registry, wallet):
    """Return a certificate of a recognized issuer, bound to a key of the wallet."""
    issuer = Issuer.register("University", registry=registry)
    template = issuer.publish(draft())
    registry.governor.recognize(issuer.did, template)
    key = PublicKey.from_jwk(json.loads(wallet("new-key")[1]))
    return issuer.issue(template, ADA, holder_key=key, valid_for=timedelta(days=9)).text


@clause("IP-35")
def test_a_file_is_kept_when_the_registry_knows_who_made_it(shell, wallet):
    registry = LocalRegistry(network="test")
    good = issue(registry, wallet)
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


@clause("IP-36")
def test_one_that_is_not_verified_yet_is_called_so_and_shown_only_when_it_is_verified(
    shell, wallet
):
    registry = LocalRegistry(network="test")
    text = issue(registry, wallet)
    with Wallet.open(shell.home / "wallet.weid", passphrase=PASSPHRASE) as held:
        name = held.add(text, unverified=True).id

    assert "not verified yet" in wallet("list")[1]
    assert json.loads(wallet("view", name)[1])["used"] == "not verified yet"
    assert json.loads(wallet("list", "--json")[1])[0]["unverified"] is True
    code, out, said = wallet("show", name, "--disclose", "name", "-y")
    assert (code, out, f"weid wallet verify {name}" in said) == (1, "", True)
    code, _, said = wallet("verify", name, "-y")
    assert (code, "not trusted yet" in said, "--unverified" in said) == (1, True, False)

    node = NodeServer(registry)
    shell.run(
        "trust", "add", "test", "--genesis", node.genesis, "--node", node.url,
        "--unsafe-loopback-http",
    )  # fmt: skip
    code, _, said = wallet("verify", name)
    assert (code, "add --yes" in said) == (2, True)
    code, out, said = wallet("verify", name, "-y")
    assert (code, out.strip(), "(confirmed by the registry)" in said) == (0, name, True)
    node.close()
    code, _, said = wallet("verify", name, "-y")
    assert (code, "node of test answers" in said, "--unverified" in said) == (20, True, False)
    assert json.loads(wallet("list", "--json")[1])[0]["used"] == "never"
    assert wallet("show", name, "--disclose", "name", "-y")[0] == 0
