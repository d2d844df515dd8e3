"""Keeping the two processes of a node alive together (clauses NT-07 to NT-12).

CometBFT ends when its application does, and an application without CometBFT agrees on nothing: so
if either ends, both are ended and started again, after a pause that grows while it does not help.

In order to stop, CometBFT goes first: it finishes what it is writing with an application that still
answers. The other way round it would break off in the middle of a block with an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from registry_chain.engines.cometbft.endings import Ending, KnownReason, explain, explain_broken
from weid.encoding import JsonObject

APPLICATION: Final = "application"
COMETBFT: Final = "cometbft"


class Child(Protocol):
    """A process that was started."""

    @property
    def pid(self) -> int:
        """Its id."""
        ...

    @property
    def ready(self) -> bool:
        """Whether it has said that it answers."""
        ...

    @property
    def broken(self) -> bool:
        """Whether it runs and has said that it does its work no more."""
        ...

    def poll(self) -> int | None:
        """Return its exit code (negative: a signal), or None while it runs."""
        ...

    def terminate(self) -> None:
        """Ask it, and what it started, to end."""
        ...

    def kill(self) -> None:
        """End it, and what it started, at once."""
        ...

    def last_lines(self) -> Sequence[str]:
        """Return the last lines that it wrote."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Times, in seconds, and counts.

    A run of at least `good` seconds makes the next pause short again; after `loop` shorter runs
    in a row it is called a crash loop, and the pauses stay at their longest.
    """

    first_pause: float = 1.0
    longest_pause: float = 60.0
    good: float = 120.0
    loop: int = 5
    ready: float = 600.0
    grace: float = 15.0
    settle: float = 2.0
    look: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the supervisor acts on: injected, so that it can be tested without processes.

    `pause` waits up to so many seconds, less when something happens, and returns whether to stop;
    `wait` does the same and is not cut short by the order to stop. `report` gets each new state.
    `port_holder` says in words who listens at a port, empty where nobody knows.
    """

    start: Callable[[str], Child]
    monotonic: Callable[[], float]
    pause: Callable[[float], bool]
    wait: Callable[[float], None]
    report: Callable[[JsonObject], None]
    say: Callable[[str], None]
    port_holder: Callable[[int], str] = lambda port: ""  # noqa: ARG005 - nobody knows


class _EndedError(Exception):
    """A process of the pair is not there any more; caught in this module."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.reason)
        self.ending = ending


class Supervisor:
    """Runs the pair until it is told to stop, or until starting again would be in vain."""

    def __init__(self, world: World, policy: Policy | None = None) -> None:
        self._world = world
        self._policy = policy or Policy()
        self._children: dict[str, Child] = {}
        self._restarts = 0
        self._short_runs = 0
        self._alike = 0
        self._last_known: KnownReason | None = None
        self._last_reason = ""

    def run(self) -> int:
        """Run until the order to stop (0) or an ending that lasts (1)."""
        while True:
            began = self._world.monotonic()
            try:
                ending = self._run_once()
            finally:
                self._end_both()
            if ending is None:
                self._report("stopped")
                return 0
            ran = self._world.monotonic() - began
            self._last_reason = self._in_words(ending)
            if self._in_vain(ending, ran):
                return self._give_up(ending)
            if self._pause_before_next(ran):
                self._report("stopped")
                return 0
            self._restarts += 1

    def _run_once(self) -> Ending | None:
        """Start both and watch; return why they have to be started again, None to stop."""
        self._report("starting")
        try:
            self._start(APPLICATION)
            if self._watch(until_ready=True):
                return None
            self._start(COMETBFT)
            self._report("running")
            self._watch(until_ready=False)
        except _EndedError as ended:
            return ended.ending
        return None

    def _start(self, name: str) -> None:
        try:
            self._children[name] = self._world.start(name)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise _EndedError(Ending(name, "could not be started", (why,))) from None

    def _watch(self, *, until_ready: bool) -> bool:
        """Watch until the application is ready, or for ever; return whether to stop."""
        application = self._children[APPLICATION]
        deadline = self._world.monotonic() + self._policy.ready
        while not (until_ready and application.ready):
            ended = self._ended()
            if ended is not None:
                raise _EndedError(ended)
            if until_ready and self._world.monotonic() >= deadline:
                raise _EndedError(explain(APPLICATION, None, application.last_lines()))
            if self._world.pause(self._policy.look):
                return True
        return False

    def _ended(self) -> Ending | None:
        """Return the ending to blame, None while both run.

        CometBFT notices the end of its application before the system has taken that one off the
        table, so the other gets a moment. Of two endings the one that is known to last is the
        cause, else that of the application: CometBFT follows it, and never the other way round.
        """
        children = self._children
        if all(child.poll() is None and not child.broken for child in children.values()):
            return None
        deadline = self._world.monotonic() + self._policy.settle
        while (left := deadline - self._world.monotonic()) > 0:
            if all(child.poll() is not None for child in children.values()):
                break
            self._world.wait(left)
        endings = []
        for name, child in children.items():
            code = child.poll()
            if code is not None:
                endings.append(explain(name, code, child.last_lines()))
            elif child.broken:
                endings.append(explain_broken(name, child.last_lines()))
        return next((each for each in endings if each.lasting), endings[0])

    def _in_vain(self, ending: Ending, ran: float) -> bool:
        """Return whether another start would end the same way; some endings may pass at first."""
        again = ending.known is self._last_known and ran < self._policy.good
        self._alike = self._alike + 1 if again else 1
        self._last_known = ending.known
        return ending.known is not None and ending.lasting and self._alike > ending.known.passing

    def _in_words(self, ending: Ending) -> str:
        if ending.port is None:
            return ending.reason
        holder = self._world.port_holder(ending.port) or "a process that is not shown"
        return f"{ending.reason}; {holder} has port {ending.port}"

    def _pause_before_next(self, ran: float) -> bool:
        policy = self._policy
        self._short_runs = 0 if ran >= policy.good else self._short_runs + 1
        doubled = policy.first_pause * 2.0 ** min(max(self._short_runs - 1, 0), 30)
        pause = min(doubled, policy.longest_pause)
        looping = self._short_runs >= policy.loop
        self._world.say(f"{self._last_reason}; both start again in {pause:g} s")
        if looping:
            self._world.say(
                f"crash loop: {self._short_runs} runs in a row were shorter than {policy.good:g} s"
            )
        self._report("crash-loop" if looping else "waiting")
        until = self._world.monotonic() + pause
        while (left := until - self._world.monotonic()) > 0:
            if self._world.pause(left):
                return True
        return False

    def _give_up(self, ending: Ending) -> int:
        hint = ending.known.hint if ending.known is not None else ""
        self._world.say(f"{self._last_reason}; not started again, since it would end the same way")
        self._world.say(f"Try: {hint}")
        self._report("failed")
        return 1

    def _end_both(self) -> None:
        """End what runs, CometBFT first; each is asked, then made to."""
        for name in (COMETBFT, APPLICATION):
            child = self._children.get(name)
            if child is not None:
                self._end(name, child)
        self._children.clear()

    def _end(self, name: str, child: Child) -> None:
        if child.poll() is None:
            child.terminate()
            deadline = self._world.monotonic() + self._policy.grace
            while child.poll() is None:
                left = deadline - self._world.monotonic()
                if left <= 0:
                    self._world.say(f"{name} does not end by itself: it is killed")
                    break
                self._world.wait(min(left, self._policy.look))
        child.kill()  # also what it may have left in its process group

    def _report(self, state: str) -> None:
        processes: JsonObject = {name: child.pid for name, child in self._children.items()}
        self._world.report(
            {
                "state": state,
                "restarts": self._restarts,
                "short_runs": self._short_runs,
                "last_reason": self._last_reason,
                "processes": processes,
            }
        )
