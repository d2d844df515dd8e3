"""A node as a process: found, start, write and read with proof, stop, kill, back up, restore."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import subprocess
import threading
import time
import urllib.request

import pytest

from tests.support.clauses import clause
from tests.support.node_process import COMMAND, call, found, running
from weid.clock import SystemClock
from weid.crypto.key_file import load_key_file
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.errors import RegistryUnavailableError, TransactionRejectedError
from weid.registry.author import Author, create_did
from weid.registry.http_client import HttpRegistry
from weid.registry.operations import (
    AnchorEvidence,
    Approve,
    GrantRole,
    NameOrganisation,
    Propose,
    Role,
)
from weid.registry.transaction import proposal_id
from weid.registry.trust_bundle import TrustBundle, export_bundle
from weid.registry.trusted_heads import FileTrustedHeads
from weid.transport import GuardedTransport

pytestmark = pytest.mark.e2e
CLOCK = SystemClock()


@pytest.fixture
def founded(tmp_path):
    facts = found(tmp_path, "--governors", "3", "--threshold", "2")
    facts["path"] = tmp_path / "node"
    return facts


def registry_at(node, facts, **options):
    return HttpRegistry(
        node.address,
        genesis_hash=bytes.fromhex(facts["genesis_hash"]),
        transport=GuardedTransport(allow_loopback_http=True),
        clock=CLOCK,
        **options,
    )


def governors_of(facts, registry):
    keys = [load_key_file(g["key_file"], "correct horse battery") for g in facts["governors"]]
    return [
        Author(g["did"], {"control-1": InMemorySigner(key)}, registry, CLOCK)
        for g, key in zip(facts["governors"], keys, strict=True)
    ]


def issuer_of(facts, registry, governors):
    """Register a DID that two of three governors make an issuer."""
    did, author = create_did(
        registry, [InMemorySigner(PrivateKey.generate())], clock=CLOCK, endorser=governors[0]
    )
    receipt = governors[0].submit(Propose(GrantRole(did, Role.ISSUER), CLOCK.now() + 600))
    assert registry.roles(did) is None
    governors[1].submit(Approve(proposal_id(receipt.transaction_id, 0)))
    assert registry.roles(did).roles == (Role.ISSUER,)
    author.endorser = None
    return author


def get(address):
    with urllib.request.urlopen(address, timeout=10) as reply:
        return reply.status, reply.read()


@clause("D20", "B26")
def test_a_registry_from_its_founding_to_its_end(founded, tmp_path):
    with running(founded["path"], "--operator", "Test Operator") as node:
        registry = registry_at(node, founded, head_store=FileTrustedHeads(tmp_path / "heads"))
        assert registry.network == "example"
        assert (founded["path"] / "begun").exists()
        governors = governors_of(founded, registry)
        author = issuer_of(founded, registry, governors)
        governors[0].submit(NameOrganisation(author.did, "University of Examples"))
        receipt = author.submit(AnchorEvidence(b"\x01" * 32, "first"))
        assert registry.receipt(receipt.transaction_id) == receipt
        assert registry.evidence(b"\x01" * 32)[0].signer == author.did
        assert registry.organisation(author.did).name == "University of Examples"
        with pytest.raises(TransactionRejectedError):
            author.submit(GrantRole(author.did, Role.GOVERNOR))
        status, page = get(node.address + "/")
        assert status == 200
        assert b"University of Examples" in page
        assert json.loads(get(node.address + "/events?after=-1")[1])["events"]
        told = call("--json", "status", founded["path"])
        assert json.loads(told.stdout)["state"] == "running"
        bundle = export_bundle(registry, clock=CLOCK)
        code, seconds = node.terminate()
        assert code == 0
        assert seconds < 10
    told = json.loads(call("--json", "status", founded["path"]).stdout)
    assert told["state"] == "stopped"
    assert told["transactions"] == registry_transactions(founded)
    assert call("verify", founded["path"], "--replay").stdout.startswith("intact")
    heads = FileTrustedHeads(tmp_path / "heads")
    offline = TrustBundle(
        bundle, genesis_hash=bytes.fromhex(founded["genesis_hash"]), clock=CLOCK, head_store=heads
    )
    assert offline.role_holders()


def registry_transactions(founded):
    lines = call("export", founded["path"]).stdout.splitlines()
    assert json.loads(lines[0])["kind"] == "genesis"
    return sum(len(json.loads(line)["transactions"]) for line in lines[1:])


@clause("D20")
def test_sigterm_under_load_loses_nothing_that_had_a_receipt(founded):
    with running(founded["path"]) as node:
        registry = registry_at(node, founded)
        author = issuer_of(founded, registry, governors_of(founded, registry))
        receipts, stopped = [], threading.Event()

        def load():
            while not stopped.is_set():
                try:
                    receipts.append(author.submit(AnchorEvidence(secrets.token_bytes(32))))
                except RegistryUnavailableError:
                    return

        waiting = threading.Thread(target=lambda: _poll(node.address))
        loader = threading.Thread(target=load)
        waiting.start()
        loader.start()
        while len(receipts) < 10:
            time.sleep(0.01)
        code, seconds = node.terminate()
        stopped.set()
        loader.join(30)
        waiting.join(30)
        assert code == 0
        assert seconds < 10
    with running(founded["path"]) as node:
        registry = registry_at(node, founded)
        for receipt in receipts:
            assert registry.receipt(receipt.transaction_id) == receipt


def _poll(address):
    with contextlib.suppress(OSError):
        get(address + "/events?after=100000&wait=20")


@clause("D1", "R41")
def test_a_killed_node_comes_back_with_everything_that_had_a_receipt(founded):
    with running(founded["path"]) as node:
        registry = registry_at(node, founded)
        author = issuer_of(founded, registry, governors_of(founded, registry))
        receipt = author.submit(AnchorEvidence(b"\x02" * 32))
        head = registry.head()
        node.kill()
        with pytest.raises(RegistryUnavailableError):
            registry.head()
        # The address of the killed node is still there; its store can be asked all the same.
        told = json.loads(call("--json", "status", founded["path"]).stdout)
        assert (told["state"], told["height"]) == ("stopped", head.height)
    with running(founded["path"]) as node:
        again = registry_at(node, founded)
        assert again.receipt(receipt.transaction_id) == receipt
        assert again.head().height >= head.height


@clause("D10", "D16")
def test_a_running_node_is_backed_up_and_restored(founded, tmp_path):
    with running(founded["path"]) as node:
        registry = registry_at(node, founded)
        author = issuer_of(founded, registry, governors_of(founded, registry))
        receipt = author.submit(AnchorEvidence(b"\x03" * 32))
        facts = json.loads(call("--json", "backup", founded["path"], tmp_path / "backup").stdout)
        assert facts["height"] >= receipt.height
        second = subprocess.run(
            [*COMMAND, "start", str(founded["path"]), "--port", "0"],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert second.returncode == 1
        assert "another process" in second.stderr
        looked = call("verify", founded["path"], check=False)
        assert looked.returncode == 1
        assert f"is running ({node.address})" in looked.stderr
        assert call("verify", tmp_path / "backup").stdout.startswith("intact")
        node.terminate()
    restored = tmp_path / "restored"
    call(
        "restore", tmp_path / "backup", restored, "--expected-height", facts["height"],
        "--expected-hash", facts["block_hash"],
    )  # fmt: skip
    assert call("verify", restored).stdout.startswith("intact")
    (restored / "sealing.key").write_bytes((founded["path"] / "sealing.key").read_bytes())
    (restored / "sealing.key").chmod(0o600)
    with running(restored) as node:
        assert registry_at(node, founded).receipt(receipt.transaction_id) == receipt


@clause("D7")
def test_a_flipped_byte_in_the_chain_is_found(founded):
    with running(founded["path"]) as node:
        registry = registry_at(node, founded)
        author = issuer_of(founded, registry, governors_of(founded, registry))
        author.submit(AnchorEvidence(b"\x04" * 32, "a note that stands in the database"))
        node.terminate()
    database = founded["path"] / "chain" / "chain.db"
    data = bytearray(database.read_bytes())
    at = data.rfind(b"a note that stands")
    assert at > 0
    data[at] ^= 1
    database.write_bytes(data)
    done = call("verify", founded["path"], check=False)
    assert done.returncode == 1
    assert "Try: " in done.stderr


@clause("B21", "W28", "W16")
def test_idle_and_slow_connections_do_not_keep_others_out(founded):
    with running(founded["path"]) as node:
        host, port = node.address.removeprefix("http://").split(":")
        sockets = []
        try:
            for number in range(400):
                client = socket.create_connection((host, int(port)), timeout=5)
                if number % 2:
                    client.sendall(b"GET /v1/status HTTP/1.1\r\nHost: x\r\nX-Slow: ")
                sockets.append(client)
            start = time.monotonic()
            assert registry_at(node, founded).head().height >= 1
            assert time.monotonic() - start < 20
        finally:
            for client in sockets:
                client.close()
        for hostile in (
            b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 10_000 + b"\r\n",
            (
                b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
            b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        ):
            with socket.create_connection((host, int(port)), timeout=10) as client:
                answer = b""
                # A server that closes before it has read everything has refused it too.
                with contextlib.suppress(OSError):
                    client.sendall(hostile)
                    client.shutdown(socket.SHUT_WR)
                    answer = client.recv(65_536)
                assert not answer.startswith(b"HTTP/1.1 5")
                assert b"waitress" not in answer.lower()
        assert registry_at(node, founded).head().height >= 1
        code, seconds = node.terminate()
        assert (code, seconds < 10) == (0, True)


def test_a_port_that_is_taken_is_told_with_what_to_do(founded):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = call("start", founded["path"], "--port", port, check=False)
    assert done.returncode == 20
    assert f"http://127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr
