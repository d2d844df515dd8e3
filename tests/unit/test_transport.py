"""The guarded transport: which URLs, which addresses, how much and how long.

The servers are real and on loopback; `dial` leads there while the addresses that are judged are
those of the table, so that nothing leaves this machine.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.clauses import clause
from weid.addresses import is_public_address
from weid.errors import TransportError
from weid.transport import GuardedTransport, look_up_addresses

PUBLIC = "93.184.216.34"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}"

# --- Addresses -----------------------------------------------------------------------------------


@clause("S11", "S14", "V10")
@pytest.mark.parametrize(
    "address",
    ["0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
     "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
     "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::8.8.8.8",
     "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
     "64:ff9b:1::808:808", "2002:7f00:1::1", "2002:a00:1::1", "2001:0:7f00:1::", "2001:0:808:808::80ff:fffe", "2001:db8::1",
     "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "100::1", "2130706433", "0x7f000001",
     "127.1", "0177.0.0.1", "localhost", "", "8.8.8.8 ", "0.0.0.0", "2001:4860:4860::8888%eth0"],  # noqa: S104 - judged, not listened on
)  # fmt: skip
def test_addresses_that_are_not_of_the_open_internet_are_not(address):
    assert not is_public_address(address)


@pytest.mark.parametrize(
    "address", [PUBLIC, "1.1.1.1", "172.32.0.1", "2606:4700:4700::1111", "64:ff9b::808:808", "2001:4860:4860::8888"]
)  # fmt: skip
def test_addresses_of_the_open_internet_are(address):
    assert is_public_address(address)


def test_looking_up_gives_each_address_once():
    assert set(look_up_addresses("localhost", 443)) <= {"127.0.0.1", "::1"}


# --- A server that says what a test tells it -------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A key and a certificate for issuer.example, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.example")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("issuer.example")]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "issuer.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


class Server:
    """Accepts connections on loopback and answers each with the given pieces."""

    def __init__(self, pieces: list[bytes], certificate=None, pause: float = 0) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.requests: list[bytes] = []
        self._pieces = pieces
        self._pause = pause
        self._over = threading.Event()
        self._context = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connected, _ = self._listening.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connected:
                connected.settimeout(5)
                if self._context is None:
                    self._answer(connected)
                    continue
                with self._context.wrap_socket(connected, server_side=True) as secured:
                    self._answer(secured)

    def _answer(self, connected: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            piece = connected.recv(4096)
            if not piece:
                return
            request += piece
        self.requests.append(request)
        for piece in self._pieces:
            connected.sendall(piece)
            if self._pause and self._over.wait(self._pause):
                return
        connected.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)


@pytest.fixture
def serve(certificate) -> Iterator:
    """Start a server with TLS that answers with pieces; it ends with the test."""
    running = []

    def start(*pieces: bytes, secure: bool = True, pause: float = 0) -> Server:
        server = Server(list(pieces), certificate if secure else None, pause)
        running.append(server)
        return server

    yield start
    for server in running:
        server.close()


class Net:
    """A name system and a network in one: names to addresses, and every dial leads to a server."""

    def __init__(self, server: Server | None, addresses: list[str]) -> None:
        self.server = server
        self.addresses = addresses
        self.looked_up: list[str] = []
        self.dialled: list[tuple[str, int]] = []

    def look_up(self, host: str, port: int) -> list[str]:
        self.looked_up.append(host)
        return self.addresses

    def dial(self, address: str, port: int, timeout: float) -> socket.socket:
        self.dialled.append((address, port))
        assert self.server is not None, "nobody was to be dialled"
        return socket.create_connection(("127.0.0.1", self.server.port), timeout)


@pytest.fixture
def guarded(certificate):
    def build(net: Net, **options: object) -> GuardedTransport:
        tls = ssl.create_default_context(cafile=certificate)
        return GuardedTransport(look_up=net.look_up, dial=net.dial, tls=tls, **options)

    return build


URL = "https://issuer.example/status/1?x=y"


def test_a_url_is_asked_over_tls_and_the_answer_returned(serve, guarded):
    server = serve(OK)
    net = Net(server, [PUBLIC])
    reply = guarded(net).get(URL, accept="application/json", headers={"X-Asked": "yes"})
    assert (reply.status, reply.body, reply.content_type) == (200, b"{}", "application/json")
    request = server.requests[0].decode()
    assert request.startswith("GET /status/1?x=y HTTP/1.1\r\n")
    for line in ("Host: issuer.example", "Accept: application/json", "X-Asked: yes",
                 "Accept-Encoding: identity", "Connection: close"):  # fmt: skip
        assert f"\r\n{line}\r\n" in request


def test_a_body_is_posted_with_its_type(serve, guarded):
    server = serve(OK)
    guarded(Net(server, [PUBLIC])).post(
        URL, b"a=b", content_type="application/x-www-form-urlencoded"
    )
    request = server.requests[0].decode()
    assert request.startswith("POST /status/1?x=y HTTP/1.1\r\n")
    assert "\r\nContent-Type: application/x-www-form-urlencoded\r\n" in request
    assert "\r\nContent-Length: 3\r\n" in request


def test_an_error_status_is_an_answer(serve, guarded):
    server = serve(b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>")
    reply = guarded(Net(server, [PUBLIC])).get("https://issuer.example:8443")
    assert (reply.status, reply.content_type) == (404, "")
    assert "\r\nHost: issuer.example:8443\r\n" in server.requests[0].decode()
    assert server.requests[0].startswith(b"GET / HTTP/1.1\r\n")


@clause("S14")
def test_the_connection_goes_to_the_address_that_was_judged(serve, guarded):
    """The name is looked up once; what it would say the second time has no effect."""
    answers = [[PUBLIC], ["127.0.0.1"]]
    net = Net(serve(OK), [])
    net.look_up = lambda host, _port: net.looked_up.append(host) or answers[len(net.looked_up) - 1]
    guarded(net).get(URL)
    assert net.looked_up == ["issuer.example"]
    assert net.dialled == [(PUBLIC, 443)]


@clause("S11", "S13", "S14", "V10")
@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.1.2.3"], ["169.254.169.254"], ["::1"], ["::ffff:10.0.0.1"], [PUBLIC, "10.0.0.1"],
     ["fe80::1%eth0"], ["not an address"]],
    ids=str,
)  # fmt: skip
def test_a_host_with_an_inner_address_is_not_dialled(guarded, addresses):
    net = Net(None, addresses)
    with pytest.raises(TransportError) as refused:
        guarded(net).get(URL)
    assert refused.value.refused
    assert net.dialled == []


BAD_URLS = [
    "", "http://issuer.example/", "file:///etc/passwd", "data:text/plain,x", "ftp://issuer.example", "javascript:alert(1)",
    "gopher://issuer.example", "HTTPS://issuer.example", "https:issuer.example", "https:///x", "//issuer.example",
    "https://", "https://user@issuer.example/", "https://user:pass@issuer.example/", "https://issuer.example@127.0.0.1/",
    "https://issuer.example\\@127.0.0.1/", "https://issuer.example#f", "https://issuer.example/#f", "https://issuer.example:0/",
    "https://issuer.example:65536/", "https://issuer.example:x/", "https://issuer.example:443:443/",
    "https://issuer.example/a b", "https://issuer.example/\r\nX-Evil: 1", "https://issuer.example/\n", "\thttps://issuer.example/",
    "https://issuer.example/\x00", "https://issu\u0435r.example/", "https://issuer\uff0eexample/", "https://issuer.example/\u00e9",
    "https://[::1", "https://[fe80::1%25eth0]/", "https://" + "a" * 300 + "/", "https://issuer.example/" + "a" * 9000,
]  # fmt: skip


@clause("S11", "V10", "Q4")
@pytest.mark.parametrize("url", BAD_URLS, ids=repr)
def test_other_urls_are_refused_before_anything_is_looked_up(guarded, url):
    net = Net(None, [PUBLIC])
    with pytest.raises(TransportError) as refused:
        guarded(net).get(url)
    assert refused.value.refused
    assert net.looked_up == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_who_asks_this_machine_over_http_is_told_the_option(guarded, host):
    with pytest.raises(TransportError) as refused:
        guarded(Net(None, ["127.0.0.1"])).get(f"http://{host}:8700/")
    assert "--unsafe-loopback-http" in refused.value.hint


def test_who_asks_another_machine_over_http_is_not_told_the_option(guarded):
    net = Net(None, [PUBLIC])
    with pytest.raises(TransportError) as refused:
        guarded(net).get("http://issuer.example/")
    allowed = GuardedTransport(allow_loopback_http=True, look_up=net.look_up, dial=net.dial)
    with pytest.raises(TransportError) as still_refused:
        allowed.get("http://issuer.example/")
    for error in (refused.value, still_refused.value):
        assert "https" in error.hint
        assert "--unsafe" not in error.hint


@clause("V10")
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "localhost"]
)  # fmt: skip
def test_loopback_in_any_spelling_is_refused_by_its_address(host):
    """Here the real resolver answers, which reads the odd spellings as the system does."""

    def never(*_args: object) -> socket.socket:
        raise AssertionError("nobody was to be dialled")

    with pytest.raises(TransportError):
        GuardedTransport(dial=never).get(f"https://{host}/")


@clause("S13", "V10")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_no_redirect_is_followed(serve, guarded, status):
    answer = f"HTTP/1.1 {status} Moved\r\nLocation: https://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"
    net = Net(serve(answer.encode()), [PUBLIC])
    with pytest.raises(TransportError, match="redirect") as refused:
        guarded(net).get(URL)
    assert refused.value.refused
    assert len(net.dialled) == 1


def answer(headers: bytes, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n\r\n" + body


@clause("S13")
def test_the_size_limit_holds_at_the_byte(serve, guarded):
    bodies = {
        "with its length": answer(b"Content-Length: 100", b"x" * 100),
        "in chunks": answer(
            b"Transfer-Encoding: chunked", b"64\r\n" + b"x" * 100 + b"\r\n0\r\n\r\n"
        ),
        "to the end of the connection": answer(b"X: y", b"x" * 100),
    }
    for sent in bodies.values():
        transport = guarded(Net(serve(sent), [PUBLIC]))
        assert transport.get(URL, max_bytes=100).body == b"x" * 100
        with pytest.raises(TransportError, match="larger") as refused:
            transport.get(URL, max_bytes=99)
        assert refused.value.refused


@clause("S13", "S8")
def test_a_body_that_never_ends_stops_at_the_limit(serve, guarded):
    flood = [b"x" * 65536] * 200
    for head in (b"Content-Length: 10000000000", b"X: y"):
        with pytest.raises(TransportError, match="larger"):
            guarded(Net(serve(answer(head), *flood), [PUBLIC])).get(URL, max_bytes=100_000)
    chunks = [b"10000\r\n" + piece + b"\r\n" for piece in flood]
    chunked = answer(b"Transfer-Encoding: chunked")
    with pytest.raises(TransportError, match="larger"):
        guarded(Net(serve(chunked, *chunks), [PUBLIC])).get(URL, max_bytes=100_000)


@clause("S13")
def test_headers_that_never_end_stop_at_the_limit(serve, guarded):
    for flood in (
        [b"X-A: " + b"y" * 60_000 + b"\r\n"] * 90,
        [b"X: y\r\n"] * 2000,
        [b"y" * 65_000] * 9,
    ):
        server = serve(b"HTTP/1.1 200 OK\r\n", *flood)
        with pytest.raises(TransportError):
            guarded(Net(server, [PUBLIC])).get(URL, max_bytes=1000)


@clause("S13")
@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 200 OK\r\n"] + [b"X: y\r\n"] * 1000,
        [answer(b"Content-Length: 1000")] + [b"x"] * 1000,
        [answer(b"Transfer-Encoding: chunked")] + [b"1\r\nx\r\n"] * 1000,
        [answer(b"X: y")] + [b"x"] * 1000,
        [b"H", *[b"T"] * 1000],
    ],
    ids=["headers", "body with its length", "chunks", "body without a length", "status line"],
)
def test_a_slow_drip_ends_at_the_deadline(serve, guarded, pieces):
    server = serve(*pieces, pause=0.02)
    started = time.monotonic()
    with pytest.raises(TransportError, match="did not answer in") as failed:
        guarded(Net(server, [PUBLIC])).get(URL, timeout=0.3)
    assert time.monotonic() - started < 15
    assert not failed.value.refused


@clause("S12")
def test_a_server_that_says_nothing_ends_at_the_deadline(guarded):
    silent = socket.create_server(("127.0.0.1", 0))
    net = Net(None, [PUBLIC])
    net.dial = lambda _a, _p, timeout: socket.create_connection(silent.getsockname(), timeout)
    started = time.monotonic()
    with pytest.raises(TransportError, match="did not answer"):  # already within the TLS handshake
        guarded(net).get(URL, timeout=0.2)
    assert time.monotonic() - started < 15
    silent.close()


@clause("S12")
def test_a_name_system_that_says_nothing_ends_at_the_deadline(guarded):
    over = threading.Event()
    net = Net(None, [])
    net.look_up = lambda *_: over.wait(60) and []
    started = time.monotonic()
    with pytest.raises(TransportError, match="did not answer"):
        guarded(net).get(URL, timeout=0.2)
    over.set()
    assert time.monotonic() - started < 15


NO_ANSWER = {
    "nothing": b"",
    "not HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "a status that is none": b"HTTP/1.1 abc\r\n\r\n",
    "a body cut short": answer(b"Content-Length: 100", b"x" * 50),
    "chunks cut short": answer(b"Transfer-Encoding: chunked", b"64\r\nxxx"),
    "a chunk of no size": answer(b"Transfer-Encoding: chunked", b"zz\r\nxxx\r\n0\r\n\r\n"),
    "a compressed body": answer(b"Content-Encoding: gzip\r\nContent-Length: 2", b"xx"),
}


@clause("S13")
@pytest.mark.parametrize("sent", NO_ANSWER.values(), ids=NO_ANSWER)
def test_an_answer_that_is_none_is_a_typed_error(serve, guarded, sent):
    with pytest.raises(TransportError):
        guarded(Net(serve(sent), [PUBLIC])).get(URL)


@clause("S14")
def test_the_certificate_must_be_of_the_hosts_name(serve, guarded):
    net = Net(serve(OK), [PUBLIC])
    with pytest.raises(TransportError, match="SSLCertVerificationError"):
        guarded(net).get("https://other.example/")
    stranger = GuardedTransport(look_up=net.look_up, dial=net.dial)
    with pytest.raises(TransportError, match="SSLCertVerificationError"):
        stranger.get(URL)


def test_an_address_that_does_not_answer_gives_way_to_the_next(serve, guarded):
    net = Net(serve(OK), [PUBLIC, "1.1.1.1"])
    dial = net.dial

    def first_is_down(address: str, port: int, timeout: float) -> socket.socket:
        connected = dial(address, port, timeout)
        if address == PUBLIC:
            connected.close()
            raise ConnectionRefusedError
        return connected

    net.dial = first_is_down
    assert guarded(net).get(URL).status == 200
    assert [address for address, _ in net.dialled] == [PUBLIC, "1.1.1.1"]


@clause("S12")
def test_a_host_that_is_not_there_is_not_refused_but_fails(guarded):
    nobody = Net(None, [])
    down = Net(None, [PUBLIC])

    def refuse(*_args: object) -> socket.socket:
        raise ConnectionRefusedError

    down.dial = refuse
    unknown = Net(None, [])

    def no_name(*_args: object) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    unknown.look_up = no_name
    for net in (nobody, down, unknown):
        with pytest.raises(TransportError) as failed:
            guarded(net).get(URL)
        assert not failed.value.refused
        assert "status" not in failed.value.message  # names the host, not what was asked of it


@clause("S13")
def test_time_that_looking_up_took_is_not_given_again(guarded):
    net = Net(None, [PUBLIC])
    times = iter([0.0, 0.1, 3.1])
    with pytest.raises(TransportError, match="did not answer in 3 s"):
        guarded(net, monotonic=lambda: next(times)).get(URL)
    assert net.dialled == []


@clause("S13")
def test_an_address_that_takes_all_the_time_is_not_followed_by_another(guarded):
    net = Net(None, [PUBLIC, "1.1.1.1"])

    def slow(address: str, port: int, _timeout: float) -> socket.socket:
        net.dialled.append((address, port))
        raise TimeoutError

    net.dial = slow
    with pytest.raises(TransportError, match="did not answer"):
        guarded(net).get(URL)
    assert net.dialled == [(PUBLIC, 443)]


def test_a_private_host_that_the_operator_named_is_dialled(serve, guarded):
    net = Net(serve(OK), ["10.0.0.7"])
    assert guarded(net, private_hosts=["issuer.example"]).get(URL).status == 200
    with pytest.raises(TransportError):
        guarded(net, private_hosts=["other.example"]).get(URL)


# --- Development on one machine --------------------------------------------------------------------


def test_plain_http_is_for_loopback_and_only_when_allowed(serve):
    server = serve(OK, secure=False)
    url = f"http://localhost:{server.port}/health"
    with pytest.raises(TransportError):
        GuardedTransport().get(url)
    local = GuardedTransport(allow_loopback_http=True, look_up=lambda *_: ["127.0.0.1"])
    assert local.get(url).status == 200
    assert (
        GuardedTransport(allow_loopback_http=True).get(f"http://127.0.0.1:{server.port}").body
        == b"{}"
    )


@clause("S11")
@pytest.mark.parametrize("address", [PUBLIC, "10.0.0.1", "169.254.169.254", "no address"])
def test_plain_http_to_another_machine_is_refused_even_then(address):
    net = Net(None, [address])
    transport = GuardedTransport(allow_loopback_http=True, look_up=net.look_up, dial=net.dial)
    with pytest.raises(TransportError, match="this machine only"):
        transport.get("http://issuer.example/")
    mixed = Net(None, ["127.0.0.1", address])
    transport = GuardedTransport(allow_loopback_http=True, look_up=mixed.look_up, dial=mixed.dial)
    with pytest.raises(TransportError):
        transport.get("https://issuer.example/")


def test_a_header_cannot_smuggle_a_line(serve, guarded):
    with pytest.raises(TransportError):
        guarded(Net(serve(OK), [PUBLIC])).get(URL, headers={"X": "a\r\nX-Evil: 1"})


def test_the_addresses_of_the_tables_are_written_as_addresses():
    assert ipaddress.ip_address(PUBLIC).is_global
