"""The supervisor's decisions, with a clock and children that the test moves."""

from __future__ import annotations

import pytest

from registry_chain.engines.cometbft.endings import KNOWN_REASONS, explain
from registry_chain.engines.cometbft.supervision import (
    APPLICATION,
    COMETBFT,
    Policy,
    Supervisor,
    World,
)
from registry_chain.state_machine.errors import RulesUnknownError
from registry_chain.storage.integrity.damage import Damage
from tests.support.clauses import clause

POLICY = Policy(
    first_pause=1, longest_pause=8, good=100, loop=3, ready=50, grace=5, settle=1, look=1
)


class FakeChild:
    """A process that ends at a time of the fake clock, or when it is told."""

    def __init__(self, world, name, pid, script):
        self.world, self.name, self.pid = world, name, pid
        self.ends_at = script.get("ends_at")
        self.code = script.get("code", 0)
        self.lines = script.get("lines", ["some line"])
        self.deaf = script.get("deaf", False)
        self.breaks_at = script.get("breaks_at")
        self.ready_at = world.now + script.get("ready_after", 0)

    @property
    def ready(self):
        return self.world.now >= self.ready_at

    @property
    def broken(self):
        return self.breaks_at is not None and self.world.now >= self.breaks_at

    def poll(self):
        ended = self.ends_at is not None and self.world.now >= self.ends_at
        return self.code if ended else None

    def terminate(self):
        self.world.log.append(f"term {self.name}")
        if not self.deaf and self.poll() is None:
            self.ends_at, self.code = self.world.now + 1, 0

    def kill(self):
        if self.poll() is None:
            self.world.log.append(f"kill {self.name}")
            self.ends_at, self.code = self.world.now, -9

    def last_lines(self):
        return self.lines


class FakeWorld:
    """Time moves by waiting only; scripts say how each child behaves, in order of starting."""

    def __init__(self, *scripts, stop_at=10_000):
        self.now = 0.0
        self.log, self.said, self.reports = [], [], []
        self.scripts = list(scripts)
        self.stop_at = stop_at
        self.pid = 100
        self.holder = "process 7 (nginx) of user www"

    def start(self, name):
        self.log.append(f"start {name}")
        self.pid += 1
        script = self.scripts.pop(0) if self.scripts else {}
        if "error" in script:
            raise script["error"]
        if "lives" in script:
            script = {**script, "ends_at": self.now + script["lives"]}
        return FakeChild(self, name, self.pid, script)

    def wait(self, seconds):
        assert seconds > 0
        self.now += seconds

    def pause(self, seconds):
        if self.now >= self.stop_at:
            return True
        self.now = min(self.now + seconds, max(self.stop_at, self.now))
        return self.now >= self.stop_at

    def run(self, policy=POLICY):
        world = World(
            start=self.start,
            monotonic=lambda: self.now,
            pause=self.pause,
            wait=self.wait,
            report=self.reports.append,
            say=self.said.append,
            port_holder=lambda port: self.holder if port else "",
        )
        return Supervisor(world, policy).run()

    @property
    def states(self):
        return [report["state"] for report in self.reports]


@clause("NT-07")
def test_cometbft_starts_when_the_application_answers():
    world = FakeWorld({"ready_after": 7}, stop_at=20)
    assert world.run() == 0
    assert world.log[:2] == ["start application", "start cometbft"]
    assert world.states == ["starting", "running", "stopped"]
    assert world.reports[1]["processes"] == {APPLICATION: 101, COMETBFT: 102}
    assert world.reports[-1]["processes"] == {}


@clause("NT-09")
def test_the_order_to_stop_ends_cometbft_first():
    world = FakeWorld(stop_at=20)
    assert world.run() == 0
    assert world.log == [
        "start application", "start cometbft", "term cometbft", "term application",
    ]  # fmt: skip


@clause("NT-09")
def test_who_does_not_end_in_time_is_killed():
    world = FakeWorld({}, {"deaf": True}, stop_at=20)
    assert world.run() == 0
    assert world.log[2:] == ["term cometbft", "kill cometbft", "term application"]
    assert world.now == 20 + POLICY.grace + 1
    assert "cometbft does not end by itself: it is killed" in world.said


@clause("NT-09")
def test_the_order_to_stop_is_heard_while_the_application_starts():
    world = FakeWorld({"ready_after": 1000}, stop_at=5)
    assert world.run() == 0
    assert world.log == ["start application", "term application"]


@clause("NT-09")
def test_the_order_to_stop_is_heard_in_a_pause():
    world = FakeWorld({"lives": 3, "code": 2}, stop_at=3.5)
    assert world.run() == 0
    assert world.log.count("start application") == 1
    assert world.states[-2:] == ["waiting", "stopped"]


@clause("NT-07")
@pytest.mark.parametrize(("place", "name"), [(0, "application"), (1, "cometbft")])
def test_if_either_ends_both_end_and_start_again_and_the_reason_is_said(place, name):
    scripts = [{}, {}]
    scripts[place] = {"lives": 10, "code": 3, "lines": ["first", "out of luck"]}
    world = FakeWorld(*scripts, stop_at=30)
    assert world.run() == 0
    other = "cometbft" if name == "application" else "application"
    assert world.log[2] == f"term {other}"
    assert world.log[3:5] == ["start application", "start cometbft"]
    assert world.said[0] == (f"{name} ended with exit code 3: out of luck; both start again in 1 s")
    assert world.reports[-1]["restarts"] == 1
    assert world.reports[-1]["last_reason"] == f"{name} ended with exit code 3: out of luck"


@clause("NT-07")
def test_a_signal_is_named_and_last_words_are_not_blamed_for_it():
    world = FakeWorld({"lives": 10, "code": -9}, stop_at=30)
    world.run()
    assert world.reports[-1]["last_reason"] == "application was ended by SIGKILL"
    assert explain("x", -250, []).reason == "x was ended by signal 250"


@clause("NT-07")
def test_an_application_that_never_answers_is_started_again():
    world = FakeWorld({"ready_after": 1000}, stop_at=60)
    world.run()
    assert "application did not become ready: some line" in world.said[0]
    assert world.log.count("start application") == 2


@clause("NT-07")
def test_a_program_that_cannot_be_started_is_tried_again():
    world = FakeWorld({}, {"error": FileNotFoundError(2, "No such file")}, stop_at=10)
    assert world.run() == 0
    assert world.said[0].startswith("cometbft could not be started: No such file")
    assert world.log[:3] == ["start application", "start cometbft", "term application"]


def pauses(world):
    return [line.rsplit(" in ", 1)[1] for line in world.said if "both start again" in line]


@clause("NT-08")
def test_the_pause_doubles_up_to_the_longest_and_a_crash_loop_is_said():
    short = {"lives": 2, "code": 1}
    world = FakeWorld(*[short, {}] * 6, stop_at=200)
    world.run()
    assert pauses(world) == ["1 s", "2 s", "4 s", "8 s", "8 s", "8 s"]
    assert any("crash loop: 3 runs in a row" in line for line in world.said)
    assert world.states[:6] == ["starting", "running", "waiting"] * 2
    assert "crash-loop" in world.states


@clause("NT-08")
def test_a_good_run_makes_the_pause_short_again():
    short, good = {"lives": 2, "code": 1}, {"lives": 150, "code": 1}
    world = FakeWorld(short, {}, short, {}, good, {}, short, {}, stop_at=400)
    world.run()
    assert pauses(world) == ["1 s", "2 s", "1 s", "1 s"]
    assert "crash-loop" not in world.states


@clause("NT-08")
def test_a_thousand_short_runs_do_not_make_a_longer_pause():
    world = FakeWorld(*[{"lives": 1, "code": 1}, {}] * 1000, stop_at=100_000)
    world.run()
    assert set(pauses(world)[4:]) == {"8 s"}
    assert world.reports[-1]["restarts"] == 1000


LASTING = {
    "disk full, Go": "panic: write /x/y: no space left on device",
    "disk full, our store": "storage full: the registry takes no transactions now",
    "another app hash": "panic: wrong Block.Header.AppHash.  Expected 00, got 01",
    "consensus ended": (
        'E[2026-01-01] CONSENSUS FAILURE!!! module=consensus err="+2/3 committed an invalid block: '
        'wrong Block.Header.AppHash.  Expected 00, got 01"'
    ),
    "after replay": "state.AppHash does not match AppHash after replay. Got 00, expected 01",
    "a damaged record": str(Damage("records", b"\x0a", "not the root's", 7)),
    "a damaged file": str(Damage("", b"", "not a database")),
    "our store taken back": "the store in /x went back: it is at height 3, and had height 9",
    "their files": "panic: leveldb: manifest corrupted (field 'comparer'): missing [file=MANIFEST]",
    "store taken back": "error on replay: app block height (9) is higher than core (7)",
    "rules": RulesUnknownError(3, 77).message,
    "another genesis": "genesis doc hash in db does not match loaded genesis doc",
    "our other genesis": "the chain in the folder is of another genesis",
    "signed elsewhere": "found signature from the same key",
    "settings": "ERROR: error in config file: toml: line 3",
}


@clause("NT-10")
@pytest.mark.parametrize("what", LASTING)
@pytest.mark.parametrize("place", [0, 1])
def test_what_another_start_cannot_mend_is_not_tried_again(what, place):
    scripts = [{}, {}]
    scripts[place] = {"lives": 5, "code": 1, "lines": ["before", LASTING[what], "goroutine 1"]}
    world = FakeWorld(*scripts)
    assert world.run() == 1
    assert world.log.count("start application") == 1
    assert world.states[-1] == "failed"
    assert "not started again" in world.said[-2]
    assert world.said[-1].startswith("Try: ")
    other = ("term application", "term cometbft")[1 - place]
    assert other in world.log


@clause("NT-10", "B12")
def test_a_cometbft_that_lives_on_without_consensus_is_ended():
    # It stays there and would never make a block again.
    lines = [LASTING["consensus ended"]]
    world = FakeWorld({}, {"breaks_at": 5, "lines": lines})
    assert world.run() == 1
    assert "term cometbft" in world.log
    assert world.reports[-1]["last_reason"] == (
        "cometbft stopped taking part: this node's state is not the one that the network agreed on"
    )


@clause("NT-07")
def test_a_consensus_that_ended_for_another_reason_is_begun_again():
    world = FakeWorld(
        {}, {"breaks_at": 5, "lines": ["CONSENSUS FAILURE!!! err=timeout"]}, stop_at=30
    )
    assert world.run() == 0
    assert world.log.count("start cometbft") == 2


@clause("NT-10")
def test_a_damaged_store_is_told_with_table_and_key():
    line = str(Damage("records", b"\x0a\x0b", "not what the tree holds", 7))
    ending = explain("application", 1, ["before", f"registry-chain: {line}", "Try: something"])
    assert ending.reason.endswith(
        "the registry's store is damaged: registry-chain: table records, key 0a0b, height 7: "
        "not what the tree holds"
    )


@clause("NT-10")
def test_of_two_endings_the_known_one_is_the_reason():
    # CometBFT ends because its application did; only the application's words tell why.
    full = {"lives": 5, "code": 1, "lines": ["OSError: no space left on device"]}
    world = FakeWorld({"lives": 5, "code": 1, "lines": ["EOF"]}, full)
    assert world.run() == 1
    assert world.reports[-1]["last_reason"].startswith("cometbft ended with exit code 1: the disk")


@clause("NT-07")
def test_an_application_that_is_seen_to_have_ended_a_moment_later_is_still_the_reason():
    # Its socket closes before the system has its exit code, and CometBFT is quick.
    world = FakeWorld({"lives": 5.5, "code": -9}, {"lives": 5, "code": 0}, stop_at=30)
    assert world.run() == 0
    assert world.reports[-1]["last_reason"] == "application was ended by SIGKILL"


TAKEN = "ERROR: failed to start node: listen tcp 127.0.0.1:26656: bind: address already in use"
OF_THE_API = "registry-chain: the node cannot listen on http://[::1]:8700: Address already in use"


@clause("NT-10")
def test_a_port_that_is_taken_is_said_and_tried_again_for_a_while():
    taken = {"lives": 5, "code": 1, "lines": [TAKEN]}
    world = FakeWorld({}, taken, {}, taken, {}, {"lives": 5, "code": 7}, {}, taken, stop_at=60)
    assert world.run() == 0
    for said in world.said[:2]:
        assert "another process has its port" in said
        assert "process 7 (nginx) of user www has port 26656" in said
        assert "both start again" in said
    # Another ending in between: it begins anew.
    assert "exit code 7" in world.said[2]
    assert world.log.count("start cometbft") == 5
    assert world.states[-1] == "stopped"


@clause("NT-10")
@pytest.mark.parametrize(
    ("scripts", "port"),
    [
        ([{}, {"lives": 5, "code": 1, "lines": ["I[x] before", TAKEN]}], 26656),
        ([{"lives": 1, "code": 20, "lines": [OF_THE_API, "Try: stop the program"]}], 8700),
    ],
)
def test_a_port_that_stays_taken_ends_the_node_with_who_has_it(scripts, port):
    world = FakeWorld(*scripts * 9, stop_at=900)
    assert world.run() == 1
    assert world.log.count("start application") == 5
    assert f"process 7 (nginx) of user www has port {port}; not started again" in world.said[-2]
    assert "another port" in world.said[-1]
    assert world.reports[-1]["state"] == "failed"
    assert f"of user www has port {port}" in world.reports[-1]["last_reason"]


@clause("NT-10")
def test_a_port_whose_holder_nobody_knows_is_named_all_the_same():
    world = FakeWorld(*[{}, {"lives": 5, "code": 1, "lines": [TAKEN]}] * 5, stop_at=900)
    world.holder = ""
    assert world.run() == 1
    assert "a process that is not shown has port 26656" in world.said[-2]


@clause("NT-10", "B11", "B12", "B13")
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("registry-chain: table records, key 00ff: another", "store is damaged"),
        ("registry-chain: the database file: row 7 missing", "the registry's store is damaged"),
        ("registry-chain: the database cannot be read in table log: x", "store is damaged"),
        ("registry-chain: the store in /a went back: it is at height 3", "taken back"),
        ("registry-chain: the chain of /a is gone: there is no /a/chain/chain.db", "not the one"),
        ("ERROR: failed: leveldb: manifest corrupted (field 'comparer')", "files are damaged"),
        ("leveldb/table: corruption on data-block (pos=0): checksum mismatch", "files are damaged"),
    ],
)
def test_damage_is_said_with_its_place_and_not_tried_again(line, reason):
    ending = explain("application", 1, ["before", line, "Try: something"])
    assert ending.lasting
    assert reason in ending.reason
    assert ending.reason.endswith(f": {line}")


def test_usual_words_are_not_taken_for_a_lasting_reason():
    for line in (
        "listening on http://127.0.0.1:8700",
        "executed block height=3 app_hash=00",
        "Closing blockstore",
        "registry-chain: the node has stopped",
        "leveldb: not found",
        # What a validator says that came back and is kept from signing a height again.
        'failed signing vote module=consensus height=16 err="error signing vote: conflicting data"',
        "prevote step: prevoting nil err=wrong Block.Header.AppHash.  Expected 00, got 01",
        "EOF",
        "",
    ):
        assert not explain("x", 1, [line]).lasting
    assert all(each.hint and each.reason for each in KNOWN_REASONS)


def test_both_end_when_the_supervisor_itself_breaks():
    world = FakeWorld()

    def broken(_):
        raise RuntimeError("broken")

    world.pause = broken
    with pytest.raises(RuntimeError, match="broken"):
        world.run()
    assert world.log[2:] == ["term cometbft", "term application"]
