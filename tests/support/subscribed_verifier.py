"""A verifier that follows a network of processes, an issuer that it trusts, and how late it was."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from typing import Self

from registry_chain.local_registry.status_tokens import MemoryTokens
from tests.support.network_process import CLOCK, SECONDS, NetworkProcesses
from tests.support.world import AUDIENCE, CLAIMS, draft
from weid.credential.credential import Credential
from weid.credential.template import CredentialTemplate
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.holder import Holder
from weid.issuer import Issuer
from weid.issuing.status_lists import StatusListSettings
from weid.registry.author import Author
from weid.registry.headers import VoteFlag
from weid.registry.http_client import HttpRegistry
from weid.registry.http_source import HttpSource
from weid.registry.operations import GovernedAction, GrantRole, Propose, RecognizeIssuer, Role
from weid.registry.subscription import keep_fresh
from weid.transport import GuardedTransport
from weid.verification.policy import TrustedNetwork, TrustPolicy
from weid.verifier import Verifier

_TRANSPORT = GuardedTransport(allow_loopback_http=True)


class Tokens(MemoryTokens):
    """Where the issuer's status lists are had: beside the network, as on a web server."""

    put_status_token = MemoryTokens.put
    status_token = MemoryTokens.get


@dataclass
class Recognized:
    """An issuer that the governor recognized, and a credential of its template."""

    issuer: Issuer
    template: CredentialTemplate
    credential: Credential
    holder: PrivateKey
    tokens: Tokens
    governor: Author

    @classmethod
    def begin(cls, network: NetworkProcesses, node: str, name: str) -> Recognized:
        """Register an issuer at a node; `name` is its template's too."""
        registry = network.registry(node)
        governor = network.governor(registry)
        tokens = Tokens()
        issuer = Issuer.register(
            name,
            registry=registry,
            endorser=governor,
            status_settings=StatusListSettings(
                base_uri=f"https://{name}.example/status", host=tokens
            ),
            clock=CLOCK,
        )
        decide(governor, GrantRole(issuer.did, Role.ISSUER))
        template = issuer.publish(draft(cpt_id=name))
        decide(governor, RecognizeIssuer(issuer.did, name, CLOCK.now() - 60, None))
        holder = PrivateKey.generate()
        credential = issuer.issue(template, CLAIMS, holder_key=holder.public)
        return cls(issuer, template, credential, holder, tokens, governor)


def decide(governor: Author, action: GovernedAction) -> None:
    """Have something done by the only governor."""
    governor.submit(Propose(action, CLOCK.now() + 600))


class SubscribedVerifier:
    """Asks one node, and again only when an event of its stream says that there is news."""

    def __init__(self, network: NetworkProcesses, node: str, recognized: Recognized) -> None:
        self._of = recognized
        self._url = network.address(node)
        self._registry: HttpRegistry = network.registry(node)
        trusted = TrustedNetwork(
            reader=self._registry,
            genesis_hash=network.genesis_hash,
            status_tokens=recognized.tokens,
        )
        policy = TrustPolicy(networks={self._registry.network: trusted})
        self._verifier = Verifier(AUDIENCE, policy=policy, clock=CLOCK)
        self._events: queue.Queue = queue.Queue()
        self._live = threading.Event()
        self._subscription = keep_fresh(
            self, self._url, transport=_TRANSPORT, on_event=self._events.put
        )

    def __enter__(self) -> Self:
        """Begin to follow."""
        self._subscription.start()
        assert self._live.wait(SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._subscription.close()

    # --- HeadReader: what the subscription tells -------------------------------------------------

    def ask_again(self, height: int = 0) -> None:
        """Have the next head asked for."""
        self._registry.ask_again(height)

    def reuse_heads(self, seconds: int) -> None:
        """Use heads again for so long: not for less than the whole test, once it follows."""
        self._registry.reuse_heads(10 * SECONDS if seconds else 0)
        if seconds:
            self._live.set()

    # --- What it says ----------------------------------------------------------------------------

    def accepts(self) -> bool:
        """Verify the credential, freshly presented."""
        asked = self._verifier.request(self._of.template, "name")
        signer = InMemorySigner(self._of.holder)
        shown = Holder.present(self._of.credential, asked, signer=signer, clock=CLOCK)
        return self._verifier.verify(shown, asked).accepted

    def refuses_after(self, name: str) -> float:
        """Wait for the event that makes it refuse; return the seconds since that was committed.

        Both times are read on this machine: when it had refused, and when the votes of more than
        two thirds of the validators were cast.
        """
        while True:
            event = self._events.get(timeout=SECONDS)
            if event.name == name and not self.accepts():
                return time.time() - self._committed_at(event.height)

    def _committed_at(self, height: int) -> float:
        block = HttpSource(self._url, transport=_TRANSPORT).light_block(height)
        power_of = {one.address: one.power for one in block.validators.validators}
        power = 0
        cast = sorted(
            (vote.time_ns, power_of[vote.validator_address])
            for vote in block.commit.signatures
            if vote.flag is VoteFlag.COMMIT
        )
        for time_ns, each in cast:
            power += each
            if 3 * power > 2 * block.validators.total_power:
                return time_ns / 10**9
        raise AssertionError(f"block {height} has no two thirds")
