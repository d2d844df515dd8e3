"""What was presented before."""

from __future__ import annotations

import threading

from tests.support.clauses import clause
from weid.verification.replay import MemoryReplayMemory


@clause("VF-31", "P10", "P11")
def test_a_key_is_remembered_until_its_time_and_then_forgotten():
    memory = MemoryReplayMemory()
    assert memory.remember("n", until=100, now=10)
    assert not memory.remember("n", until=200, now=100)
    assert memory.remember("n", until=200, now=101)


def test_keys_are_swept_when_their_time_is_over():
    memory = MemoryReplayMemory()
    for number in range(50):
        memory.remember(f"n{number}", until=10, now=5)
    memory.remember("last", until=500, now=400)
    assert set(memory._until) == {"last"}


@clause("P12")
def test_of_many_at_once_exactly_one_is_the_first():
    memory = MemoryReplayMemory()
    start = threading.Barrier(16)
    firsts: list[bool] = []

    def use() -> None:
        start.wait()
        firsts.append(memory.remember("n", until=100, now=10))

    threads = [threading.Thread(target=use) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert firsts.count(True) == 1
