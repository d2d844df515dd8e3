"""Where a node listens, and what is said where it cannot."""

from __future__ import annotations

import errno
import socket

import pytest

from registry_chain.node import listening
from registry_chain.node.listening import Listening, listen, require_free
from registry_chain.node.settings import NodeSettings
from weid.errors import RegistryUnavailableError


def app(_environ, _start):
    return []


def test_any_free_port_is_told_as_the_one_that_was_taken():
    server, place = listen(app, Listening("127.0.0.1", 0), NodeSettings())
    try:
        assert place.address == f"http://127.0.0.1:{server.effective_port}"
        assert place.port == int(server.effective_port) > 0
    finally:
        server.close()


def test_a_port_that_is_taken_is_told_with_the_address_and_what_to_do():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(RegistryUnavailableError) as refused:
            listen(app, Listening("127.0.0.1", port), NodeSettings())
    assert f"http://127.0.0.1:{port}" in refused.value.message
    assert "--port" in refused.value.hint
    assert "stop the program" in refused.value.hint


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])  # noqa: S104 - looked at
def test_that_a_port_is_free_is_found_without_taking_it(host):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            RegistryUnavailableError, match=f":{port}: Address already in use"
        ) as no:
            require_free(Listening(host, port))
        assert "stop the program" in no.value.hint
    require_free(Listening(host, port))
    require_free(Listening(host, port))
    require_free(Listening(host, 0))


def test_a_host_that_there_is_none_of_is_told_before():
    with pytest.raises(RegistryUnavailableError, match="there is no such host"):
        require_free(Listening("no host at all", 80))


@pytest.mark.parametrize(
    ("error", "said", "hint"),
    [
        (OSError(errno.EACCES, "Permission denied"), "Permission denied", "1024"),
        (OSError(errno.EADDRNOTAVAIL, "Cannot assign"), "Cannot assign", "--host"),
        (OSError(errno.ENOBUFS, "No buffer space"), "No buffer space", "--host or --port"),
        (ValueError("Invalid host/port specified."), "no such host", "--host"),
    ],
    ids=["a port of the system", "another machine's address", "anything else", "no host"],
)
def test_an_address_that_does_not_open_is_told(monkeypatch, error, said, hint):
    def refuse(*_args, **_settings):
        raise error

    monkeypatch.setattr(listening, "create_server", refuse)
    with pytest.raises(RegistryUnavailableError, match=r"http://node\.example:80") as refused:
        listen(app, Listening("node.example", 80), NodeSettings())
    assert said in refused.value.message
    assert hint in refused.value.hint


def test_a_host_with_two_addresses_is_told_with_the_port_of_the_first(monkeypatch):
    class Several:
        effective_listen = (("127.0.0.1", 41), ("::1", 42))

    monkeypatch.setattr(listening, "create_server", lambda *_args, **_settings: Several())
    _, place = listen(app, Listening("localhost", 0), NodeSettings())
    assert place.address == "http://localhost:41"


@pytest.mark.parametrize(
    ("host", "address", "from_here"),
    [
        ("127.0.0.1", "http://127.0.0.1:8700", "http://127.0.0.1:8700"),
        ("0.0.0.0", "http://0.0.0.0:8700", "http://127.0.0.1:8700"),  # noqa: S104 - a name here
        ("::", "http://[::]:8700", "http://[::1]:8700"),
        ("::1", "http://[::1]:8700", "http://[::1]:8700"),
        ("node.example", "http://node.example:8700", "http://node.example:8700"),
    ],
)
def test_the_machine_asks_itself_at_an_address_that_it_has(host, address, from_here):
    place = Listening(host, 8700)
    assert (place.address, place.from_here) == (address, from_here)
