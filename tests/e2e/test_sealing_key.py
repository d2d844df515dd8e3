"""The sealing key of a running node goes to a new one, and a node that is killed then goes on."""

from __future__ import annotations

import json

import pytest

from tests.support.clauses import clause
from tests.support.node_process import call, found, running

pytestmark = pytest.mark.e2e


@clause("LC-ROTATE")
@pytest.mark.parametrize("encrypted", [False, True])
def test_the_running_node_hands_the_seal_to_a_new_key_and_goes_on_with_it(tmp_path, encrypted):
    options = ["--encrypt-sealing-key"] if encrypted else []
    found(tmp_path, "--governors", "1", *options)
    folder = tmp_path / "node"
    opened = ("--passphrase-file", tmp_path / "passphrase") if encrypted else ()
    stopped = call("rotate-sealing-key", folder, check=False)
    assert stopped.returncode == 20
    assert "registry-chain start" in stopped.stderr
    before = (folder / "sealing.key").read_bytes()
    with running(folder, *map(str, opened)) as node:
        told = json.loads(call("--json", "rotate-sealing-key", folder).stdout)
        node.kill()
    assert (folder / "sealing.key.old-1").read_bytes() == before
    assert (folder / "sealing.key").read_bytes() != before
    # As if it had been killed before the files took each other's places.
    (folder / "sealing.key").rename(folder / "sealing.key.next")
    (folder / "sealing.key.old-1").rename(folder / "sealing.key")
    with running(folder, *map(str, opened)) as node:
        again = json.loads(call("--json", "rotate-sealing-key", folder).stdout)
        node.terminate()
    assert again["height"] > told["height"]
    assert again["public_key"] != told["public_key"]
    assert call("verify", folder).stdout.startswith("intact")
