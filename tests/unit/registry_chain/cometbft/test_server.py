"""The ABCI server over a real unix socket, spoken to as CometBFT does."""

from __future__ import annotations

import socket
import stat
import tempfile
from collections import defaultdict, deque
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Self

import pytest

from registry_chain.engines.cometbft import server as server_module
from registry_chain.engines.cometbft.calls import (
    Answered,
    Checked,
    Executed,
    FinalizedBlock,
    InitialState,
    Standing,
)
from registry_chain.engines.cometbft.dispatch import AbciApplication
from registry_chain.engines.cometbft.framing import encode_frame
from registry_chain.engines.cometbft.messages import (
    Request,
    call_of,
    decode_request,
    decode_response,
)
from registry_chain.engines.cometbft.server import CONNECTIONS, AbciServer, SocketTakenError
from registry_chain.state_machine.block import ValidatorUpdate
from tests.support.abci_client import AbciClient, AbciExceptionError, Wire
from tests.support.abci_recordings import CONNECTIONS as RECORDINGS
from tests.support.abci_recordings import recorded
from tests.support.clauses import clause
from tests.support.fake_consensus import LedgerApplication, Persisted
from weid.errors import RegistryUnavailableError

LONG = 60


@pytest.fixture
def path() -> Iterator[Path]:
    """A path for a socket: short, whatever the test's name."""
    with tempfile.TemporaryDirectory(prefix="abci-") as folder:
        yield Path(folder) / "abci.sock"


class Served:
    """A server with an application, and what it said of its end."""

    def __init__(self, path: Path, application=None, **options) -> None:
        self.application = application or LedgerApplication(Persisted())
        self.reasons: list[str] = []
        self.told = Event()
        options.setdefault("answer", AbciApplication(self.application).answer)
        self.server = AbciServer(path, on_fatal=self._fatal, **options)
        self.path = path

    def _fatal(self, reason: str) -> None:
        self.reasons.append(reason)
        self.told.set()

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.stop()

    def wire(self) -> Wire:
        return Wire(self.path)


def echo(text: str) -> bytes:
    request = Request()
    request.echo.message = text
    return request.SerializeToString()


def flush() -> bytes:
    request = Request()
    request.flush.SetInParent()
    return request.SerializeToString()


def commit() -> bytes:
    request = Request()
    request.commit.SetInParent()
    return request.SerializeToString()


def texts(wire: Wire, count: int) -> list[str]:
    """Return the next messages: what an echo says, or the name of another call."""
    found = []
    for _ in range(count):
        response = decode_response(wire.receive())
        found.append(response.echo.message or call_of(response))
    return found


def assert_ended(wire: Wire, reason: str) -> None:
    """The last message is an exception that says why, and then there is nothing."""
    response = decode_response(wire.receive())
    assert call_of(response) == "exception"
    assert reason in response.exception.error
    assert wire.receive() is None


def assert_serves(served: Served) -> None:
    with served.wire() as wire:
        assert texts_of(wire, "still") == ["still"]
    assert served.reasons == []


def texts_of(wire: Wire, *said: str) -> list[str]:
    wire.send(*map(echo, said))
    return texts(wire, len(said))


# --- Recordings ----------------------------------------------------------------------------------


class Replayed(LedgerApplication):
    """Answers what the recorded application answered, call by call."""

    def __init__(self, replies) -> None:
        super().__init__(Persisted())
        self._replies = defaultdict(deque)
        for reply in replies:
            self._replies[call_of(reply)].append(getattr(reply, call_of(reply)))
        self.heights: list[int] = []

    def _next(self, call):
        return self._replies[call].popleft()

    def info(self):
        found = self._next("info")
        return Standing(
            found.last_block_height, found.last_block_app_hash, found.version, found.app_version
        )

    def init_chain(self, start):
        assert len(start.validators) == 4
        assert start.initial_height == 1
        return InitialState(self._next("init_chain").app_hash)

    def check(self, raw, *, recheck):
        found = self._next("check_tx")
        return Checked(found.code, found.log)

    def query(self, path, data, *, height, prove):
        found = self._next("query")
        return Answered(found.code, found.value, found.log)

    def propose(self, transactions, *, max_bytes):
        return list(self._next("prepare_proposal").txs)

    def accept(self, transactions, *, height):
        return self._next("process_proposal").status == 1

    def finalize(self, block):
        self.heights.append(block.height)
        found = self._next("finalize_block")
        updates = (ValidatorUpdate(u.pub_key.ed25519, u.power) for u in found.validator_updates)
        results = tuple(Executed(result.code, result.data) for result in found.tx_results)
        return FinalizedBlock(results, found.app_hash, tuple(updates))

    def commit(self):
        return self._next("commit").retain_height


def promised(response):
    """Return a recorded response without what our application never says."""
    for result in (
        response.finalize_block.tx_results if call_of(response) == "finalize_block" else ()
    ):
        for name in ("log", "info", "gas_wanted", "gas_used", "events", "codespace"):
            result.ClearField(name)
    if call_of(response) == "check_tx":
        for name in ("data", "info", "gas_wanted", "gas_used", "events", "codespace"):
            response.check_tx.ClearField(name)
    if call_of(response) == "query":
        for name in ("info", "index", "key", "proof_ops", "height", "codespace"):
            response.query.ClearField(name)
    if call_of(response) == "finalize_block":
        response.finalize_block.ClearField("events")
    return response


@clause("CN-01", "CN-02", "CN-04")
@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recorded_connection_is_answered_as_it_was(path, name):
    """CometBFT writes up to a Flush, and then reads as many replies."""
    messages = recorded(name)
    expected = [decode_response(m.payload) for m in messages if not m.request]
    replayed = Replayed(expected)
    answered = []
    with Served(path, replayed) as served, served.wire() as wire:
        waiting: list[bytes] = []
        for message in filter(lambda m: m.request, messages):
            waiting.append(message.payload)
            if call_of(decode_request(message.payload)) == "flush":
                wire.send(*waiting)
                answered += [wire.receive() for _ in waiting]
                waiting = []
        wire.send(*waiting)
        answered += [wire.receive() for _ in waiting]
    assert answered == [promised(response).SerializeToString() for response in expected]
    assert replayed.heights == list(range(1, len(replayed.heights) + 1))
    assert served.reasons == []


# --- The order of things -------------------------------------------------------------------------


@clause("CN-04")
def test_many_requests_at_once_are_answered_in_their_order(path):
    said = [f"message {number}" for number in range(20_000)]
    with Served(path) as served, served.wire() as wire:
        writer = Thread(target=wire.send, args=tuple(map(echo, said)))
        writer.start()
        assert texts(wire, len(said)) == said
        writer.join()


@clause("CN-02", "CN-04")
def test_a_request_may_come_byte_by_byte(path):
    with Served(path) as served, served.wire() as wire:
        for byte in encode_frame(echo("slow")) + encode_frame(flush()):
            wire.socket.sendall(bytes([byte]))
        assert texts(wire, 2) == ["slow", "flush"]


class Waiting(LedgerApplication):
    """Its commits wait until they are let go."""

    def __init__(self) -> None:
        super().__init__(Persisted())
        self.inside = Event()
        self.go = Event()

    def commit(self) -> int:
        self.inside.set()
        assert self.go.wait(LONG)
        return 17


@clause("CN-04")
def test_a_flush_sends_what_is_answered_although_more_is_to_do(path):
    application = Waiting()
    with Served(path, application) as served, served.wire() as wire:
        wire.send(echo("first"), flush(), commit())
        assert texts(wire, 2) == ["first", "flush"]
        application.go.set()
        assert texts(wire, 1) == ["commit"]


@clause("CN-04", "CN-18")
def test_connections_do_not_wait_for_one_another(path):
    application = Waiting()
    with Served(path, application) as served, served.wire() as consensus, served.wire() as other:
        consensus.send(commit())
        assert application.inside.wait(LONG)
        assert texts_of(other, "meanwhile") == ["meanwhile"]
        assert AbciClient(other.exchange).query("/word", b"x", height=0, prove=False).code == 2
        application.go.set()
        assert texts(consensus, 1) == ["commit"]


@clause("CN-04")
def test_there_are_only_so_many_connections(path):
    with Served(path) as served:
        wires = [served.wire() for _ in range(CONNECTIONS)]
        for number, wire in enumerate(wires):
            assert texts_of(wire, f"{number}") == [f"{number}"]
        with served.wire() as refused:
            assert refused.receive() is None
        assert texts_of(wires[0], "still") == ["still"]
        thread = served.server._connections[next(iter(served.server._connections))]
        wires[0].socket.close()
        thread.join(LONG)
        with served.wire() as taken:
            assert texts_of(taken, "again") == ["again"]
        for wire in wires[1:]:
            wire.socket.close()


def test_a_connection_for_which_there_is_no_thread_is_refused_and_the_next_one_taken(
    path, monkeypatch, caplog
):
    class NoThread(Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    with Served(path) as served:
        monkeypatch.setattr(server_module, "Thread", NoThread)
        with served.wire() as refused:
            assert refused.receive() is None
        assert served.server._connections == {}
        monkeypatch.undo()
        with served.wire() as taken:
            assert texts_of(taken, "again") == ["again"]
    assert "can't start new thread" in caplog.text


# --- Broken connections --------------------------------------------------------------------------

BROKEN = {
    "a frame that is too large": (b"\xff\xff\xff\x7f", "larger than"),
    "a length without an end": (b"\xff" * 12, "length"),
    "a length in two bytes for one": (b"\x80\x00", "shortest"),
    "no protobuf": (encode_frame(b"\xff\xff\xff"), "not an ABCI request"),
    "no request": (encode_frame(b""), "of a kind"),
    "a request of another ABCI": (encode_frame(b"\x3a\x00"), "of a kind"),
    "a request of a later ABCI": (encode_frame(b"\xfa\x01\x00"), "of a kind"),
}


@clause("CN-02")
@pytest.mark.parametrize(("raw", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_connection_is_ended_and_nothing_else(path, raw, reason):
    with Served(path) as served, served.wire() as other, served.wire() as wire:
        wire.socket.sendall(encode_frame(echo("before")) + raw)
        assert texts(wire, 1) == ["before"]
        assert_ended(wire, reason)
        assert texts_of(other, "still") == ["still"]
        assert_serves(served)


@clause("CN-02")
def test_a_connection_that_ends_within_a_frame_is_ended(path):
    with Served(path) as served, served.wire() as wire:
        wire.socket.sendall(encode_frame(echo("half"))[:-1])
        wire.socket.shutdown(socket.SHUT_WR)
        assert_ended(wire, "within a frame")
        assert_serves(served)


@clause("CN-02")
@pytest.mark.parametrize(("size", "taken"), [(100, True), (101, False)])
def test_the_greatest_request_is_taken_and_one_byte_more_is_not(path, size, taken):
    request = Request()
    request.check_tx.tx = b"x" * (size - 4)
    raw = request.SerializeToString()
    assert len(raw) == size
    with Served(path, frame_bytes=100) as served, served.wire() as wire:
        wire.send(raw)
        if taken:
            assert texts(wire, 1) == ["check_tx"]
        else:
            assert_ended(wire, "101 bytes is larger than 100")
        assert_serves(served)


@clause("CN-02")
def test_a_reply_that_cometbft_would_not_take_is_not_sent(path):
    class Large(LedgerApplication):
        def load_chunk(self, height, format_, chunk):
            return b"x" * 200

    with Served(path, Large(Persisted()), frame_bytes=100) as served, served.wire() as wire:
        with pytest.raises(AbciExceptionError, match="larger than 100"):
            AbciClient(wire.exchange).load_chunk(1, 1, 1)
        assert wire.receive() is None
        assert_serves(served)


@clause("CN-02")
def test_a_client_that_goes_away_unread_is_forgotten(path):
    with Served(path) as served:
        for _ in range(3 * CONNECTIONS):
            with served.wire() as wire:
                assert texts_of(wire, "hello") == ["hello"]
                wire.send(echo("nobody reads this"))
                threads = list(served.server._connections.values())
            for thread in threads:
                thread.join(LONG)
        assert_serves(served)


# --- Failing -------------------------------------------------------------------------------------


class Failing(LedgerApplication):
    def commit(self) -> int:
        raise KeyError("secret")

    def query(self, path, data, *, height, prove):
        raise KeyError("secret")

    def check(self, raw, *, recheck):
        raise KeyError("secret")


@clause("CN-06", "CN-07")
def test_an_error_in_consensus_ends_the_service_and_one_in_a_query_does_not(path, caplog):
    with Served(path, Failing(Persisted())) as served, served.wire() as query:
        asking = AbciClient(query.exchange)
        assert asking.query("/", b"", height=0, prove=False).code != 0
        assert asking.check(b"raw", recheck=False).code != 0
        assert served.reasons == []
        with served.wire() as wire, served.wire() as second:
            wire.send(echo("before"), commit(), echo("after"))
            assert texts(wire, 1) == ["before"]
            assert_ended(wire, "commit failed: KeyError")
            assert served.told.wait(LONG)
            assert served.reasons == ["commit failed: KeyError"]
            second.send(commit())
            assert_ended(second, "commit was not done: commit failed: KeyError")
        assert asking.query("/", b"", height=0, prove=False).code != 0
    assert len(served.reasons) == 1
    assert "the service ends" in caplog.text
    assert "the process must not go on" in caplog.text


@clause("CN-06")
def test_an_error_of_the_layer_itself_ends_the_service(path):
    def answer(request):
        raise TypeError("a mistake of ours")

    with Served(path, answer=answer) as served, served.wire() as wire:
        wire.send(echo("anything"))
        assert_ended(wire, "echo failed: TypeError")
        assert served.told.wait(LONG)


@clause("CN-05", "CN-06")
def test_the_service_may_be_stopped_by_who_is_told_of_its_end(path):
    stopped = Event()

    def fatal(reason):
        server.stop()
        stopped.set()

    server = AbciServer(path, AbciApplication(Failing(Persisted())).answer, on_fatal=fatal)
    server.start()
    with Wire(path) as other, Wire(path) as wire:
        assert texts_of(other, "here") == ["here"]
        wire.send(commit())
        assert_ended(wire, "commit failed")
        assert other.receive() is None
    assert stopped.wait(LONG)
    assert not path.exists()
    server.stop()


# --- Starting and stopping -----------------------------------------------------------------------


@clause("CN-03")
def test_the_socket_is_for_its_owner_alone(path):
    with Served(path):
        mode = path.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
    assert not path.exists()


@clause("CN-03")
def test_a_server_that_lives_is_not_pushed_aside(path):
    with Served(path) as served:
        second = AbciServer(path, lambda r: r, on_fatal=print)
        with pytest.raises(SocketTakenError, match="another server listens"):
            second.start()
        second.stop()
        assert_serves(served)


@clause("CN-03")
def test_the_socket_of_a_server_that_is_gone_is_replaced(path):
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))
        gone.listen()
    assert path.exists()
    with Served(path) as served:
        assert_serves(served)


@clause("CN-03")
@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_socket_is_left(path, kind):
    target = path.with_name("target")
    if kind == "file":
        path.write_text("precious")
    elif kind == "folder":
        path.mkdir()
    else:
        target.write_text("precious")
        path.symlink_to(target)
    with pytest.raises(SocketTakenError, match="is no socket"):
        AbciServer(path, lambda r: r, on_fatal=print).start()
    assert path.is_dir() if kind == "folder" else path.read_text() == "precious"


@clause("CN-03")
@pytest.mark.parametrize("name", ["missing/abci.sock", "x" * 120])
def test_a_socket_that_cannot_be_made_says_so(path, name):
    with pytest.raises(RegistryUnavailableError, match="cannot be made") as caught:
        AbciServer(path.parent / name, lambda r: r, on_fatal=print).start()
    assert caught.value.hint


@clause("CN-03")
def test_a_stop_leaves_the_socket_of_a_later_server(path):
    first = Served(path)
    first.server.start()
    path.unlink()
    with Served(path) as second:
        first.server.stop()
        assert_serves(second)


@clause("CN-05")
def test_a_stop_answers_what_is_read(path):
    application = Waiting()
    served = Served(path, application)
    served.server.start()
    with served.wire() as wire, served.wire() as idle:
        assert texts_of(idle, "here") == ["here"]
        wire.send(commit(), echo("read already"))
        assert application.inside.wait(LONG)
        stopping = Thread(target=served.server.stop)
        stopping.start()
        assert idle.receive() is None
        application.go.set()
        assert texts(wire, 2) == ["commit", "read already"]
        assert wire.receive() is None
        stopping.join()
    assert not path.exists()
    assert served.reasons == []
    with pytest.raises(FileNotFoundError):
        Wire(path)


@clause("CN-05")
def test_a_stop_does_not_wait_for_ever(path, monkeypatch):
    monkeypatch.setattr(server_module, "STOP_SECONDS", 0.01)
    application = Waiting()
    served = Served(path, application)
    served.server.start()
    with served.wire() as wire:
        wire.send(commit())
        assert application.inside.wait(LONG)
        (thread,) = served.server._connections.values()
        served.server.stop()
        assert wire.receive() is None
        application.go.set()
        thread.join(LONG)
    assert served.reasons == []


@clause("CN-05")
def test_a_server_may_be_stopped_before_it_starts_and_twice_and_starts_once(path):
    server = AbciServer(path, lambda r: r, on_fatal=print)
    with server:
        pass
    server.stop()
    with pytest.raises(RuntimeError, match="once"):
        server.start()
    AbciServer(path, lambda r: r, on_fatal=print).stop()
