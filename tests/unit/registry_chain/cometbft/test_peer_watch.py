"""A node that stays alone is started again; one that has peers or makes blocks is not."""

from __future__ import annotations

import itertools
import threading

from registry_chain.engines.cometbft.peer_watch import Loneliness, PeerWatch
from tests.support.clauses import clause
from weid.errors import MalformedError, RegistryUnavailableError


@clause("NT-18")
def test_it_counts_from_the_last_peer_or_block() -> None:
    loneliness = Loneliness(100.0)
    assert loneliness.look(100.0, peers=0, height=5) == 0
    assert loneliness.look(130.0, peers=0, height=5) == 30
    assert loneliness.look(140.0, peers=0, height=6) == 0
    assert loneliness.look(150.0, peers=1, height=6) == 0
    assert loneliness.look(190.0, peers=0, height=6) == 40


class Peers:
    """Answers as many times as told, then nobody is there."""

    def __init__(self, *answers: int | None) -> None:
        self._answers = iter(answers)

    def peers(self) -> tuple[str, ...]:
        count = next(self._answers, 0)
        if count is None:
            raise RegistryUnavailableError("not yet")
        if count < 0:
            raise MalformedError("no list of peers")
        return ("ab",) * count


@clause("NT-18")
def test_who_stays_alone_is_told_once() -> None:
    told: list[str] = []
    done = threading.Event()
    clock = itertools.count(0, 10)

    def alone(reason: str) -> None:
        told.append(reason)
        done.set()

    watch = PeerWatch(
        Peers(None, 2, -1, 1),
        lambda: 7,
        on_alone=alone,
        monotonic=lambda: float(next(clock)),
        look=0.001,
    )
    watch.start()
    assert done.wait(20)
    watch.stop()
    assert len(told) == 1
    assert "no peer was connected for 150 s" in told[0]
