"""Who has a port, by what the system tells."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path

import pytest

from registry_chain.engines.cometbft.port_holder import port_holder
from tests.support.clauses import clause

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"


def line(address, state, user, inode):
    return f"   0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 {user} 0 {inode} 1"


@pytest.fixture
def proc(tmp_path):
    """A made-up process table, in which nobody listens."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(HEAD + "\n")
    return tmp_path


@clause("NT-10")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_process_that_listens_is_named(host):
    try:
        listening = socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with listening:
        told = port_holder(listening.getsockname()[1])
    name = Path("/proc/self/comm").read_text(encoding="utf-8").strip()
    assert told == f"process {os.getpid()} ({name}) of user {pwd.getpwuid(os.getuid()).pw_name}"


@clause("NT-10")
def test_nobody_is_named_where_nobody_listens(proc):
    (proc / "net" / "tcp").write_text(
        "\n".join([HEAD, line("0100007F:21FC", "01", 0, 77), line("0100007F:21FD", "0A", 0, 78)])
    )
    assert port_holder(8700, proc) == ""
    assert port_holder(8700, proc / "none") == ""


@clause("NT-10")
def test_the_process_of_another_user_is_told_by_its_user(proc):
    (proc / "net" / "tcp").write_text("\n".join([HEAD, line("0100007F:21FC", "0A", 4294967, 77)]))
    assert port_holder(8700, proc) == "a process of user 4294967"


@clause("NT-10")
def test_what_a_process_calls_itself_is_one_short_line(proc):
    (proc / "net" / "tcp").write_text("\n".join([HEAD, line("0100007F:21FC", "0A", 4294967, 77)]))
    (proc / "12" / "fd").mkdir(parents=True)
    (proc / "12" / "fd" / "3").symlink_to("socket:[77]")
    (proc / "12" / "comm").write_text("a\x1b[2J\nb" + "c" * 90)
    assert port_holder(8700, proc) == f"process 12 (a[2Jb{'c' * 35}) of user 4294967"
