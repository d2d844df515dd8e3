"""trust.json: read strictly, written whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from weid.cli.trust_settings import NetworkTrust, host_of, load_trust, save_trust
from weid.errors import MalformedError

GENESIS = bytes(range(32))
WHOLE = NetworkTrust(
    "test", GENESIS, ("https://a.example", "https://b.example:8443"), Path("/x.bundle"),
    ("status.example",), unsafe_loopback_http=True,
)  # fmt: skip


def test_what_is_saved_is_loaded(tmp_path):
    networks = {"test": WHOLE, "other": NetworkTrust("other", GENESIS, ("https://c.example",))}
    save_trust(tmp_path / "home", networks)
    assert load_trust(tmp_path / "home") == networks


def test_nothing_is_trusted_before_it_is_said(tmp_path):
    assert load_trust(tmp_path) == {}


def test_only_hosts_that_were_set_may_be_inner_ones():
    assert WHOLE.inner_hosts == {"a.example", "b.example", "status.example"}


@pytest.mark.parametrize(
    "text",
    {
        "no JSON": "{",
        "no networks": "{}",
        "an entry that is no object": '{"networks": {"x": 1}}',
        "no genesis hash": '{"networks": {"x": {"nodes": []}}}',
        "a genesis hash in capitals": json.dumps({"networks": {"x": {"genesis_hash": "AB" * 32}}}),
        "nodes that are no list": json.dumps(
            {"networks": {"x": {"genesis_hash": "ab" * 32, "nodes": "https://a.example"}}}
        ),
        "a node that is no text": json.dumps(
            {"networks": {"x": {"genesis_hash": "ab" * 32, "nodes": [1]}}}
        ),
    }.values(),
)
def test_settings_that_are_not_ours_are_refused(tmp_path, text):
    (tmp_path / "trust.json").write_text(text)
    with pytest.raises(MalformedError):
        load_trust(tmp_path)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Node.Example:8443/x", "node.example"),
        ("http://[::1]:8480", "::1"),
        ("nothing", ""),
        ("https://[", ""),
    ],
)
def test_the_host_of_an_address(url, host):
    assert host_of(url) == host


@pytest.mark.parametrize("name", ["../../x", "a/b", "", "A", "x" * 33])
def test_a_name_that_no_network_can_have_is_refused(shell, name):
    genesis = GENESIS.hex()
    code, _, err = shell.run(
        "trust", "add", name, "--genesis", genesis, "--node", "https://a.example"
    )
    assert code == 1
    assert "network name" in err
    shell.home.mkdir(parents=True, exist_ok=True)
    entry = {"genesis_hash": genesis, "nodes": ["https://a.example"]}
    (shell.home / "trust.json").write_text(json.dumps({"networks": {name: entry}}))
    with pytest.raises(MalformedError, match="network name"):
        load_trust(shell.home)
