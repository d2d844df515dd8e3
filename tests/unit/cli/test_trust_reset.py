"""`weid trust reset`: what a person does whose remembered head vouches for nothing any more."""

from __future__ import annotations

import time

import pytest

from registry_chain import LocalRegistry
from tests.support.clauses import clause
from tests.support.cli_world import NodeServer
from weid.clock import FixedClock
from weid.registry.operations import NameOrganisation

DAY = 86_400


@pytest.fixture
def clock():
    """The node's clock: 40 days behind the machine's until it is moved on."""
    return FixedClock(int(time.time()) - 40 * DAY)


@pytest.fixture
def registry(clock):
    return LocalRegistry(network="test", clock=clock)


@pytest.fixture
def node(registry):
    server = NodeServer(registry)
    yield server
    server.close()


@pytest.fixture
def expired(shell, node, registry, clock):
    """A home that remembers a head of 40 days ago, and a node that has a block of today."""
    trust(shell, node)
    shell.run("trust", "show")
    clock.advance(40 * DAY)
    seal(registry)
    return shell


def trust(shell, node):
    shell.run(
        "trust", "add", "test", "--genesis", node.genesis, "--node", node.url,
        "--unsafe-loopback-http",
    )  # fmt: skip


def seal(registry):
    """Have the registry seal one more block."""
    registry.endorser.submit(NameOrganisation(registry.governor.did, f"Registry {registry.head()}"))


def point(head) -> str:
    return f"{head.height}:{head.block_hash.hex()}"


@clause("LC-RESET", "LC-TIME")
def test_the_error_names_the_command_and_the_command_mends_it(expired, node, registry):
    problem = expired.run("did", "show", registry.governor.did)
    assert problem[0] == 1
    assert "trust period has expired" in problem[2]
    assert "weid trust reset NETWORK --head HEIGHT:HASH" in problem[2]

    named = point(registry.head())
    code, _, said = expired.run("trust", "reset", "test", "--head", named)
    assert (code, "add --yes" in said) == (2, True)
    assert f"genesis hash {node.genesis}" in said
    assert "Remembered until now: block" in said
    assert f"From now on: block {registry.head().height} of" in said
    assert registry.head().block_hash.hex() in said
    assert "by another way than from a node" in said
    assert expired.run("did", "show", registry.governor.did)[0] == 1, "nothing was done yet"

    code, _, said = expired.run("trust", "reset", "test", "--head", named, "-y")
    assert (code, "CAREFUL" in said) == (0, False)
    assert expired.run("did", "show", registry.governor.did)[0] == 0


@clause("LC-RESET")
def test_another_hash_than_the_registry_shows_changes_nothing(expired, registry):
    other = f"{registry.head().height}:{'ab' * 32}"
    code, _, said = expired.run("trust", "reset", "test", "--head", other, "-y")
    assert code == 1
    assert "another block" in said
    assert "ask its operator" in said
    assert expired.run("did", "show", registry.governor.did)[0] == 1


@clause("LC-RESET")
def test_a_reset_that_goes_back_says_so(shell, node, registry, clock):
    clock.advance(40 * DAY)
    seal(registry)
    before = registry.head()
    seal(registry)
    trust(shell, node)
    shell.run("trust", "show")
    code, _, said = shell.run("trust", "reset", "test", "--head", point(before), "-y")
    assert (code, "CAREFUL: this goes back" in said) == (0, True)


@clause("LC-RESET")
def test_a_bundle_serves_where_there_is_no_network(expired, node, registry, tmp_path):
    named = point(registry.head())
    other = type(expired)(tmp_path / "elsewhere")
    other.folder.mkdir()
    trust(other, node)
    assert other.run("trust", "export", str(tmp_path / "new.bundle"))[0] == 0
    node.close()
    bundle = str(expired.folder / "new.bundle")
    command = ("trust", "reset", "test", "--head", named, "-y")
    assert expired.run(*command)[0] == 20
    assert expired.run("trust", "import", bundle, "--network", "test")[0] == 1
    code, _, said = expired.run(*command, "--bundle", bundle)
    assert code == 0, said
    assert expired.run("trust", "import", bundle, "--network", "test")[0] == 0


def test_a_network_that_is_not_trusted_has_nothing_to_reset(shell):
    code, _, said = shell.run("trust", "reset", "test", "--head", f"1:{'ab' * 32}")
    assert (code, "not trusted" in said) == (1, True)
