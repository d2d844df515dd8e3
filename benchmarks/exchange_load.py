"""Wallets at work, in processes of their own: each offer or request by a wallet of its own.

The load is made outside of the programs under test, so that their interpreters do nothing else.
Every wallet has an address of its own where the machine has them (127.0.0.0/8 on Linux): the
programs then see as many peers as there are wallets, and their limits stay as they come.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from weid.clock import SystemClock
from weid.credential.credential import Credential
from weid.crypto.certificates import certificates_from_pem
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.holder import Holder
from weid.openid4vci.client import Delivery, WalletClient, proof_kind
from weid.openid4vp.client import PresentationClient
from weid.openid4vp.request_object import RequestTrust
from weid.transport import GuardedTransport

PROCESSES = 2
WAIT_SECONDS = 300
Job = dict[str, Any]
Task = Callable[[Job, GuardedTransport], Job]


class LoadError(Exception):
    """The load could not be made, or some of it was not served."""


@dataclass(frozen=True)
class Outcome:
    """What one wallet saw: seconds from `begin` to `end`, and what it got."""

    begin: float
    end: float
    got: Job

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.begin


def at_once(task: str, jobs: list[Job]) -> list[Outcome]:
    """Have wallets do their jobs, all of them at the same time; return the outcomes in order.

    Raises:
        LoadError: a job was not done; says how many were not, and why the first was not.
    """
    shares = [jobs[n::PROCESSES] for n in range(PROCESSES)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.exchange_load", task],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in shares
    ]
    try:
        for number, (process, share) in enumerate(zip(processes, shares, strict=True)):
            numbered = [{**job, "number": number + PROCESSES * n} for n, job in enumerate(share)]
            _tell(process, json.dumps(numbered))
        for process in processes:
            _hear(process)
        for process in processes:
            _tell(process, "go")
        told = [json.loads(_hear(process)) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return _in_order(told, len(jobs))


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise LoadError("a process of wallets ended")
    return line


def _in_order(told: list[list[Job]], count: int) -> list[Outcome]:
    every = sorted((one for share in told for one in share), key=lambda one: int(one["number"]))
    failed = [str(one["error"]) for one in every if "error" in one]
    if failed:
        raise LoadError(f"{len(failed)} of {count} were not served; the first: {failed[0]}")
    return [Outcome(one["begin"], one["end"], one["got"]) for one in every]


# --- In the process of wallets -------------------------------------------------------------------


def take(job: Job, transport: GuardedTransport) -> Job:
    """Redeem an offer: metadata, token, nonce, credential."""
    client = WalletClient(transport, clock=SystemClock())
    preview = client.read_offer(str(job["offer"]))
    counter = client.begin(preview).with_code()
    offered = preview.credentials[0]
    key = PrivateKey.generate(proof_kind(offered))
    found = counter.order(offered, [InMemorySigner(key)])
    if not isinstance(found, Delivery):
        raise LoadError("the issuer put the wallet off")
    return {"credential": found.copies[0].text, "key": key.to_private_jwk()}


def show(job: Job, transport: GuardedTransport) -> Job:
    """Answer a request: fetch it, believe who asks, sign, post what is accepted."""
    anchors = certificates_from_pem(str(job["anchor"]).encode(), what="the anchor")
    # Credo names the address of the request as its audience, as early releases did.
    trust = RequestTrust(anchors=anchors, allow_loopback_http=True, accept_own_audience=True)
    client = PresentationClient(transport, trust=trust, clock=SystemClock())
    asked = client.read_request(str(job["request"]))
    credential = Credential.parse(str(job["credential"]))
    signer = InMemorySigner(PrivateKey.from_jwk(job["key"]))
    (query,) = asked.request.query.credentials
    shown = Holder.present(credential, asked.request, signer=signer)
    client.answer(asked, {query.id: [shown]})
    return {}


TASKS: Mapping[str, Task] = {"take": take, "show": show}


def wallet_transport(number: int) -> GuardedTransport:
    """Return how one wallet reaches this machine: from an address of its own."""
    if sys.platform != "linux":
        return GuardedTransport(allow_loopback_http=True)
    source = (f"127.1.{number // 250}.{1 + number % 250}", 0)

    def dial(address: str, port: int, timeout: float) -> socket.socket:
        return socket.create_connection((address, port), timeout, source)

    return GuardedTransport(allow_loopback_http=True, dial=dial)


def _work(task: Task, job: Job, start: threading.Event) -> None:
    transport = wallet_transport(int(job["number"]))
    start.wait()
    begin = time.monotonic()
    try:
        got = task(job, transport)
    except Exception as error:  # noqa: BLE001 - told to who measures, who fails on it
        job["error"] = f"{type(error).__name__}: {error}"
        return
    job.update(begin=begin, end=time.monotonic(), got=got)


def main(task: str) -> None:
    """Read jobs, say that all is ready, begin at a word, tell the outcomes; JSON by line."""
    jobs = json.loads(sys.stdin.readline())
    start = threading.Event()
    threads = [
        threading.Thread(target=_work, args=(TASKS[task], job, start), daemon=True) for job in jobs
    ]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    sys.stdin.readline()
    start.set()
    for thread in threads:
        thread.join(WAIT_SECONDS)
    for job in jobs:
        if "got" not in job:
            job.setdefault("error", f"nothing came of it in {WAIT_SECONDS} s")
    wanted = ("number", "begin", "end", "got", "error")
    print(json.dumps([{name: job[name] for name in wanted if name in job} for job in jobs]))


if __name__ == "__main__":
    main(sys.argv[1])
