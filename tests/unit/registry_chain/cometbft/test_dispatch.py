"""Each ABCI call becomes one call of the application, and each error what it must become."""

from __future__ import annotations

import logging
from dataclasses import replace
from threading import Barrier, Event, Thread

import pytest

from registry_chain.engines.cometbft.calls import (
    Answered,
    ChainStart,
    Checked,
    DecidedBlock,
    Executed,
    FinalizedBlock,
    InitialState,
    Standing,
)
from registry_chain.engines.cometbft.dispatch import (
    FAILED,
    AbciApplication,
    ConsensusFailedError,
)
from registry_chain.engines.cometbft.messages import Request, Response
from registry_chain.engines.embedded.sealing import APP_VERSION
from registry_chain.state_machine.block import Misbehaviour, ValidatorUpdate
from registry_chain.state_sync.verdicts import ChunkAnswer, ChunkResult, OfferResult, StateSnapshot
from tests.support.abci_client import AbciClient, in_memory
from tests.support.clauses import clause
from tests.support.fake_consensus import LedgerApplication, Persisted
from weid.errors import MalformedError
from weid.registry.codes import ResultCode

KEY = bytes(range(32))
START = ChainStart("chain-1", 1_800_000_000_123_456_789, 5, (ValidatorUpdate(KEY, 3),), b"{}")
BLOCK = DecidedBlock(
    height=9,
    time_ns=1_800_000_009_000_000_001,
    hash=b"h" * 32,
    transactions=(b"one", b"two"),
    misbehaviour=(
        Misbehaviour(b"a" * 20, 7, "duplicate_vote"),
        Misbehaviour(b"b" * 20, 8, "light_client_attack"),
    ),
    next_validators_hash=b"n" * 32,
    proposer=b"p" * 20,
)
FINALIZED = FinalizedBlock(
    (Executed(0, b"data"), Executed(105)), b"s" * 32, (ValidatorUpdate(KEY, 0),)
)


class Told(LedgerApplication):
    """Answers what it was told to, raises what it was told to, and remembers what it was asked."""

    def __init__(self, **answers):
        super().__init__(Persisted())
        self.asked = []
        self._answers = answers

    def __getattribute__(self, name):
        answers = object.__getattribute__(self, "__dict__").get("_answers", {})
        if name not in answers:
            return super().__getattribute__(name)

        def answer(*args, **kwargs):
            self.asked.append((name, *args, *kwargs.values()))
            if isinstance(answers[name], Exception):
                raise answers[name]
            return answers[name]

        return answer


def client(**answers):
    told = Told(**answers)
    return told, AbciClient(in_memory(AbciApplication(told)))


SNAPSHOT = StateSnapshot(40, 1, 3, b"hash", b"metadata")


@pytest.mark.parametrize(
    ("method", "args", "options", "result"),
    [
        pytest.param("info", (), {}, Standing(8, b"s" * 32, "1.2", 4), marks=clause("CN-08")),
        pytest.param("info", (), {}, Standing(0, b"", "1.2", 4), marks=clause("CN-08")),
        pytest.param("init_chain", (START,), {}, InitialState(b"i" * 32), marks=clause("CN-09")),
        pytest.param(
            "init_chain",
            (START,),
            {},
            InitialState(b"i" * 32, (ValidatorUpdate(KEY, 2),)),
            marks=clause("CN-09"),
        ),
        pytest.param(
            "init_chain",
            (replace(START, block_bytes=9 * 2**20),),
            {},
            InitialState(b"i" * 32, (), 8 * 2**20),
            marks=clause("CN-09"),
        ),
        pytest.param(
            "check", (b"raw",), {"recheck": False}, Checked(5, "why"), marks=clause("CN-10")
        ),
        pytest.param("check", (b"",), {"recheck": True}, Checked(0), marks=clause("CN-10")),
        pytest.param(
            "query",
            ("/state", b"key"),
            {"height": 4, "prove": True},
            Answered(0, b"value", "log"),
            marks=clause("CN-11"),
        ),
        pytest.param("propose", ([b"b", b"a"],), {"max_bytes": 99}, [b"a"], marks=clause("CN-12")),
        pytest.param("accept", ([b"a", b"b"],), {"height": 9}, True, marks=clause("CN-13")),
        pytest.param("accept", ([],), {"height": 9}, False, marks=clause("CN-13")),
        pytest.param("finalize", (BLOCK,), {}, FINALIZED, marks=clause("CN-15", "CN-16")),
        pytest.param(
            "finalize",
            (BLOCK,),
            {},
            replace(FINALIZED, block_bytes=64 * 2**20),
            marks=clause("CN-33"),
        ),
        pytest.param("commit", (), {}, 0, marks=clause("CN-17")),
        pytest.param("commit", (), {}, 1234, marks=clause("CN-17")),
        pytest.param("list_snapshots", (), {}, [SNAPSHOT, SNAPSHOT], marks=clause("CN-19")),
        pytest.param("load_chunk", (40, 1, 2), {}, b"piece", marks=clause("CN-19")),
        *(
            pytest.param("offer_snapshot", (SNAPSHOT, b"s"), {}, offer, marks=clause("CN-19"))
            for offer in OfferResult
        ),
        *(
            pytest.param(
                "apply_chunk", (2, b"piece", "peer"), {}, ChunkAnswer(result), marks=clause("CN-19")
            )
            for result in ChunkResult
        ),
        pytest.param(
            "apply_chunk",
            (0, b"", "peer"),
            {},
            ChunkAnswer(ChunkResult.RETRY, (0, 7), ("peer", "other")),
            marks=clause("CN-19"),
        ),
    ],
)
def test_a_call_and_its_answer_come_through_unchanged(method, args, options, result):
    told, asking = client(**{method: result})
    assert getattr(asking, method)(*args, **options) == result
    assert told.asked == [(method, *args, *options.values())]


@clause("CN-10", "CN-15")
def test_an_answer_holds_nothing_that_is_not_promised():
    """No gas, no events, no log in what is hashed."""
    application = AbciApplication(Told(finalize=FINALIZED, check=Checked(0)))
    request = Request()
    request.finalize_block.txs.extend(BLOCK.transactions)
    found = application.answer(request).finalize_block
    assert [[f.name for f, _ in r.ListFields()] for r in found.tx_results] == [
        ["data"],
        ["code"],
    ]
    assert {f.name for f, _ in found.ListFields()} == {
        "tx_results",
        "validator_updates",
        "app_hash",
    }
    check = Request()
    check.check_tx.tx = b"raw"
    assert application.answer(check).SerializeToString().hex() == "4a00"


@clause("CN-09")
def test_the_consensus_parameters_are_left_alone():
    application = AbciApplication(Told(init_chain=InitialState(b"i")))
    request = Request()
    request.init_chain.consensus_params.block.max_bytes = 5
    found = application.answer(request).init_chain
    assert [f.name for f, _ in found.ListFields()] == ["app_hash"]


@clause("CN-33")
def test_a_new_block_size_takes_nothing_else_with_it():
    """CometBFT takes the whole member `block`, and the version of headers from the parameters."""
    application = AbciApplication(
        Told(
            init_chain=InitialState(b"i", (), 2**20),
            finalize=FinalizedBlock((), b"s", (), 2**21),
        )
    )
    begin, block = Request(), Request()
    begin.init_chain.chain_id = "c"
    block.finalize_block.height = 9
    found = [
        application.answer(begin).init_chain.consensus_params,
        application.answer(block).finalize_block.consensus_param_updates,
    ]
    for parameters, size in zip(found, (2**20, 2**21), strict=True):
        assert {field.name for field, _ in parameters.ListFields()} == {"block", "version"}
        assert (parameters.block.max_bytes, parameters.block.max_gas) == (size, -1)
        assert parameters.version.app == APP_VERSION


@clause("CN-09")
def test_a_genesis_with_another_kind_of_key_is_refused():
    told = Told(init_chain=InitialState(b"i"))
    request = Request()
    request.init_chain.validators.add(power=1).pub_key.secp256k1 = b"\x02" * 33
    with pytest.raises(ConsensusFailedError, match="another key than Ed25519"):
        AbciApplication(told).answer(request)
    assert told.asked == []


@clause("CN-08")
@pytest.mark.parametrize("version", ["2.0.0", "2.0.1", ""])
def test_abci_2_0_is_spoken_to(version):
    request = Request()
    request.info.abci_version = version
    found = AbciApplication(Told(info=Standing(3, b"s", "1.2", 4))).answer(request)
    assert (found.info.last_block_height, found.info.data) == (3, "weid")


@clause("CN-08")
@pytest.mark.parametrize("version", ["1.0.0", "2.1.0", "2.01.0", "20.0.0", "0.17.0"])
def test_another_abci_is_refused(version):
    told = Told(info=Standing(3, b"s", "1.2", 4))
    request = Request()
    request.info.abci_version = version
    request.info.version = "1.0.1"
    with pytest.raises(ConsensusFailedError, match=f"CometBFT 1.0.1 speaks ABCI {version}"):
        AbciApplication(told).answer(request)
    assert told.asked == []


@clause("CN-12")
@pytest.mark.parametrize(("most", "count"), [(0, 0), (4, 0), (5, 1), (9, 1), (10, 2), (209, 2)])
def test_a_proposal_is_cut_as_cometbft_counts(most, count):
    """3 bytes take a tag and a length more; 200 bytes a length of two bytes."""
    chosen = [b"abc", b"def", b"x" * 200]
    _, asking = client(propose=chosen)
    assert asking.propose([], max_bytes=most) == chosen[:count]
    assert asking.propose([], max_bytes=213) == chosen
    assert asking.propose([], max_bytes=212) == chosen[:2]


@clause("CN-15")
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_result_too_many_or_too_few_ends_the_service(count):
    _, asking = client(finalize=FinalizedBlock((Executed(0),) * count, b"s"))
    with pytest.raises(ConsensusFailedError, match=f"2 transactions and {count} results"):
        asking.finalize(BLOCK)


@clause("CN-15")
def test_misbehaviour_of_an_unknown_kind_is_an_error():
    told = Told(finalize=FINALIZED)
    request = Request()
    request.finalize_block.misbehavior.add(type=3)
    with pytest.raises(ConsensusFailedError, match="unknown kind 3"):
        AbciApplication(told).answer(request)
    assert told.asked == []


@clause("CN-15")
@pytest.mark.parametrize("time_ns", [0, 1, -1, -62_135_596_800 * 10**9, 2**62])
def test_times_are_nanoseconds(time_ns):
    told, asking = client(init_chain=InitialState(b"i"))
    asking.init_chain(ChainStart("c", time_ns, 1, (), b""))
    assert told.asked[0][1].time_ns == time_ns


@clause("CN-16")
@pytest.mark.parametrize(
    "updates",
    [
        (ValidatorUpdate(KEY, 1), ValidatorUpdate(KEY, 2)),
        (ValidatorUpdate(KEY, -1),),
        (ValidatorUpdate(KEY[:31], 1),),
        (ValidatorUpdate(b"", 0),),
    ],
)
def test_an_update_that_cometbft_would_stop_at_is_found_here(updates):
    _, asking = client(finalize=FinalizedBlock((Executed(0),) * 2, b"s", updates))
    with pytest.raises(ConsensusFailedError, match="finalize_block failed"):
        asking.finalize(BLOCK)


@clause("CN-14")
def test_there_are_no_vote_extensions():
    application = AbciApplication(Told())
    request = Request()
    request.extend_vote.height = 3
    assert application.answer(request).SerializeToString().hex() == "9a0100"
    request.verify_vote_extension.height = 3
    assert application.answer(request).verify_vote_extension.status == 1
    request.verify_vote_extension.vote_extension = b"x"
    assert application.answer(request).verify_vote_extension.status == 2


@clause("CN-21")
def test_there_is_no_mempool_of_ours():
    application = AbciApplication(Told())
    request = Request()
    request.insert_tx.tx = b"raw"
    assert application.answer(request).insert_tx.code == FAILED
    request.reap_txs.max_bytes = 100
    response = application.answer(request)
    assert response.WhichOneof("value") == "reap_txs"
    assert not response.reap_txs.txs


@clause("CN-19")
def test_an_offer_without_a_snapshot_is_rejected():
    told = Told(offer_snapshot=OfferResult.ACCEPT)
    request = Request()
    request.offer_snapshot.app_hash = b"s"
    assert AbciApplication(told).answer(request).offer_snapshot.result == OfferResult.REJECT
    assert told.asked == []


def test_echo_and_flush():
    application = AbciApplication(Told())
    request = Request()
    request.echo.message = "Grüße"
    assert application.answer(request).echo.message == "Grüße"
    request.flush.SetInParent()
    assert application.answer(request).WhichOneof("value") == "flush"


@clause("CN-02")
def test_a_request_of_no_kind_is_refused():
    with pytest.raises(MalformedError, match="of a kind"):
        AbciApplication(Told()).answer(Request())


# --- Failing -------------------------------------------------------------------------------------

FATAL = [
    ("info", (), {}),
    ("init_chain", (START,), {}),
    ("propose", ([b"a"],), {"max_bytes": 5}),
    ("finalize", (BLOCK,), {}),
    ("commit", (), {}),
    ("offer_snapshot", (SNAPSHOT, b"s"), {}),
    ("apply_chunk", (0, b"", "peer"), {}),
]
SECRET = "password=hunter2"


@clause("CN-06")
@pytest.mark.parametrize(("method", "args", "options"), FATAL, ids=[row[0] for row in FATAL])
def test_after_an_error_that_may_have_left_half_a_state_nothing_goes_on(
    method, args, options, caplog
):
    told, asking = client(**{method: KeyError(SECRET)})
    with pytest.raises(ConsensusFailedError, match="failed: KeyError") as caught:
        getattr(asking, method)(*args, **options)
    assert SECRET not in caught.value.message
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    told._answers.clear()
    told.called.clear()
    for other, its_args, its_options in [*FATAL, ("accept", ([],), {"height": 3})]:
        with pytest.raises(ConsensusFailedError, match=r"was not done: .* failed: KeyError"):
            getattr(asking, other)(*its_args, **its_options)
    assert told.called == []
    # What changes nothing is still answered.
    assert asking.check(b"set:a=b", recheck=False).code == 0
    assert asking.query("/word", b"none", height=0, prove=False).code == 2


@clause("CN-06")
def test_the_message_of_an_error_of_ours_is_said():
    _, asking = client(commit=MalformedError("block 3 does not follow 1"))
    with pytest.raises(ConsensusFailedError, match="commit failed: block 3 does not follow 1"):
        asking.commit()


@clause("CN-07", "CN-11")
@pytest.mark.parametrize("error", [KeyError(SECRET), MalformedError("damaged"), MemoryError()])
def test_an_error_in_a_query_is_an_answer(error, caplog):
    told, asking = client(query=error, check=error, list_snapshots=error, load_chunk=error)
    assert asking.query("/p2p/filter/id/ab", b"", height=0, prove=False) == Answered(
        FAILED, b"", "the query cannot be answered now"
    )
    assert asking.check(b"raw", recheck=True).code == FAILED
    assert asking.list_snapshots() == []
    assert asking.load_chunk(1, 1, 0) == b""
    assert len(told.asked) == 4
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 4
    assert SECRET not in caplog.text
    assert asking.accept([b"a"], height=1)


@clause("CN-07")
def test_a_half_written_answer_is_not_given():
    _, asking = client(
        query=Answered(0, b"value", 7),  # type: ignore[arg-type]
        list_snapshots=[SNAPSHOT, None],
    )
    assert asking.query("/", b"", height=0, prove=False) == Answered(
        FAILED, b"", "the query cannot be answered now"
    )
    assert asking.list_snapshots() == []


@clause("CN-07")
def test_no_result_has_the_code_of_a_failure():
    assert FAILED not in {code.value for code in ResultCode}


@clause("CN-13", "B9")
def test_a_proposal_that_cannot_be_judged_is_refused_and_the_process_goes_on(caplog):
    told, asking = client(accept=ValueError("poison"))
    assert asking.accept([b"poison"], height=4) is False
    assert "height 4" in caplog.text
    told._answers.clear()
    assert asking.accept([b"fine"], height=4) is True
    assert asking.propose([b"fine"], max_bytes=100) == [b"fine"]


# --- Threads -------------------------------------------------------------------------------------


class Slow(LedgerApplication):
    """Stays in `finalize` until it is let go."""

    def __init__(self):
        super().__init__(Persisted(height=3))
        self.inside = Event()
        self.go = Event()
        self.active = 0
        self.most = 0

    def finalize(self, block):
        self.inside.set()
        assert self.go.wait(60)
        return FinalizedBlock((), b"s")


@clause("CN-18")
def test_queries_do_not_wait_for_a_block():
    slow = Slow()
    asking = AbciClient(in_memory(AbciApplication(slow)))
    block = DecidedBlock(4, 0, b"", (), (), b"", b"")
    thread = Thread(target=asking.finalize, args=(block,))
    thread.start()
    try:
        assert slow.inside.wait(60)
        assert asking.check(b"set:a=b", recheck=False).code == 0
        assert asking.query("/word", b"none", height=0, prove=False).code == 2
        assert asking.info().height == 3
        assert asking.list_snapshots()[0].height == 3
        assert asking.load_chunk(3, 1, 0) == b"3/1/0"
        assert asking.offer_snapshot(SNAPSHOT, b"s") is OfferResult.ACCEPT
        assert thread.is_alive()
    finally:
        slow.go.set()
        thread.join()


class Counting(LedgerApplication):
    """Counts how many consensus calls are in it at once."""

    def __init__(self):
        super().__init__(Persisted())
        self.active = 0
        self.most = 0
        self.met = Event()

    def accept(self, transactions, *, height):
        self.active += 1
        self.most = max(self.most, self.active)
        # Long enough for another thread to come in, if anything let it in.
        self.met.wait(0.005)
        self.active -= 1
        return True


@clause("CN-18")
def test_consensus_calls_are_one_at_a_time():
    counting = Counting()
    asking = AbciClient(in_memory(AbciApplication(counting)))
    barrier = Barrier(4)

    def ask():
        barrier.wait()
        for height in range(5):
            asking.accept([], height=height)

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counting.most == 1


@clause("CN-11")
def test_a_peer_is_let_in_by_code_0():
    asking = AbciClient(in_memory(AbciApplication(LedgerApplication(Persisted()))))
    assert asking.query("/p2p/filter/id/friend", b"", height=0, prove=False).code == 0
    assert asking.query("/p2p/filter/id/stranger", b"", height=0, prove=False).code != 0
    request = Request()
    request.query.path = "/p2p/filter/id/friend"
    assert AbciApplication(LedgerApplication(Persisted())).answer(request) == Response(query={})
