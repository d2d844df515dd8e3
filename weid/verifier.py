"""The verifier: asks for claims, and checks the answer.

`Verifier` holds what stays the same between presentations (identity, trust, clock, memories); each
`verify…` fixes a context and hands the text to `weid.verification`. It never raises because of
what was presented.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from weid import limits
from weid.clock import Clock, SystemClock
from weid.credential.claim_path import ClaimPath, Step, as_path
from weid.credential.credential import IssuanceAnchor
from weid.crypto.keys import RandomBytes
from weid.encoding import base64url_encode
from weid.errors import MalformedError
from weid.registry.registry import RegistryReader
from weid.verification.answer import AnswerReport, examine_answer
from weid.verification.context import Context
from weid.verification.dcql import ClaimQuery, CredentialQuery, DcqlQuery
from weid.verification.examine import examine, examine_w3c
from weid.verification.known import Known
from weid.verification.policy import Mode, StatusTokens, TrustPolicy
from weid.verification.policy_reference import PolicyReference
from weid.verification.presentation_policy import PresentationPolicy
from weid.verification.replay import MemoryReplayMemory, ReplayMemory
from weid.verification.report import VerificationReport
from weid.verification.request import SHOWN_AUDIENCE, PresentationRequest
from weid.w3c.terms import Contexts

_NONCE_BYTES: Final = 16
_QUERY_ID: Final = "credential"


class TypedTemplate(Protocol):
    """A template that knows its `vct`: what `Issuer.publish` and the registry give."""

    @property
    def vct(self) -> str:
        """The type that its credentials carry."""
        ...


class Verifier:
    """Asks for claims and verifies presentations.

    `audience` is the verifier's own identifier, such as its https origin: answers are bound to it.
    Trust is given as `registry`, which trusts that one registry with every default, or as a whole
    `policy`.

    Raises:
        ValueError: neither or both of `registry` and `policy`, or an audience that cannot be one.
    """

    def __init__(  # noqa: PLR0913 - each is an option of its own
        self,
        audience: str,
        *,
        registry: RegistryReader | None = None,
        policy: TrustPolicy | None = None,
        status_tokens: StatusTokens | None = None,
        clock: Clock | None = None,
        random: RandomBytes = secrets.token_bytes,
        replay_memory: ReplayMemory | None = None,
        contexts: Contexts | None = None,
    ) -> None:
        if not audience or audience == SHOWN_AUDIENCE:
            raise ValueError("the audience must be the verifier's own identifier")
        self.policy: TrustPolicy = _policy(registry, policy, status_tokens)
        self.audience = audience
        self._clock: Clock = clock or SystemClock()
        self._random = random
        self._replay: ReplayMemory = replay_memory or MemoryReplayMemory()
        self._known = Known()
        self._contexts = contexts or Contexts()

    def named(self, audience: str, *, replay_memory: ReplayMemory | None = None) -> Verifier:
        """Return the same verifier under another identifier, such as a `client_id`.

        `replay_memory` takes the place of this verifier's own: for a caller whose sessions make
        each nonce count once by themselves.
        """
        other = Verifier(
            audience,
            policy=self.policy,
            clock=self._clock,
            random=self._random,
            replay_memory=replay_memory or self._replay,
        )
        other._known = self._known
        return other

    # --- Asking ----------------------------------------------------------------------------------

    def request(
        self,
        template: TypedTemplate | str,
        *claims: str | tuple[Step, ...],
        valid_for: int = limits.KEY_BINDING_AGE,
        response_uri: str | None = None,
        state: str | None = None,
    ) -> PresentationRequest:
        """Return a request for one credential of a template with these claims.

        `template` is a published template or a `vct`; each claim a path such as `address.city`;
        `valid_for` seconds. A request is answered once.
        """
        vct = template if isinstance(template, str) else template.vct
        asked = tuple(ClaimQuery(as_path(claim)) for claim in claims)
        query = DcqlQuery((CredentialQuery(_QUERY_ID, (vct,), asked),))
        return self.request_query(
            query, valid_for=valid_for, response_uri=response_uri, state=state
        )

    def request_for_policy(
        self,
        policy: PresentationPolicy,
        *,
        valid_for: int = limits.KEY_BINDING_AGE,
        response_uri: str | None = None,
        state: str | None = None,
    ) -> PresentationRequest:
        """Return a request for what a published presentation policy says, which it names.

        Its answer is verified by that policy as the registry has it then: an issuer that it does
        not accept, and a claim that it forbids, is refused.

        Raises:
            MalformedError: the policy is a draft, or its purpose is over.
        """
        if policy.valid_until is not None and self._clock.now() >= policy.valid_until:
            raise MalformedError(
                f"the purpose of the policy {policy.policy_id} is over",
                hint="Publish a new version of it.",
            )
        return self.request_query(
            policy.query(),
            valid_for=valid_for,
            response_uri=response_uri,
            state=state,
            policy=policy.reference,
        )

    def request_query(
        self,
        query: DcqlQuery,
        *,
        valid_for: int = limits.KEY_BINDING_AGE,
        response_uri: str | None = None,
        state: str | None = None,
        policy: PolicyReference | None = None,
    ) -> PresentationRequest:
        """Return a request for whatever a query says; `policy` is the one that it compiles from.

        A query for several credentials is best made under a policy with `link_claims` that it asks
        of each: without, only credentials of one holder key are accepted together (clause VF-39),
        and most wallets keep a key for each credential.
        """
        now = self._clock.now()
        return PresentationRequest(
            audience=self.audience,
            nonce=base64url_encode(self._random(_NONCE_BYTES)),
            query=query,
            created_at=now,
            expires_at=now + valid_for,
            response_uri=response_uri,
            state=state,
            policy=policy,
        )

    # --- Checking --------------------------------------------------------------------------------

    def verify(
        self,
        presentation: str,
        request: PresentationRequest,
        *,
        query_id: str | None = None,
        anchor: IssuanceAnchor | None = None,
    ) -> VerificationReport:
        """Verify the answer to a request.

        `query_id` says which credential query is answered, where the request has several. `anchor`
        is the issuance anchor, needed only when the issuer's key was compromised later.

        Raises:
            MalformedError: the request has no such credential query (the caller's mistake).
            ValueError: the request is another verifier's.
        """
        return examine(
            presentation,
            self._context(
                Mode.REQUESTED,
                request=self._own(request),
                query=request.credential_query(query_id),
                anchor=anchor,
            ),
        )

    def verify_answer(
        self,
        presentations: Mapping[str, Sequence[str]],
        request: PresentationRequest,
    ) -> AnswerReport:
        """Verify all presentations of an answer, by query id (OpenID4VP's `vp_token`)."""
        context = self._context(Mode.REQUESTED, request=self._own(request))
        return examine_answer(presentations, request.query, context)

    def verify_shown(
        self,
        presentation: str,
        *,
        query: CredentialQuery | None = None,
        anchor: IssuanceAnchor | None = None,
    ) -> VerificationReport:
        """Verify a code that a wallet showed without a request.

        The policy must accept those. Without a `query` every claim shown is given out.
        """
        return examine(presentation, self._context(Mode.SHOWN, query=query, anchor=anchor))

    def verify_credential(
        self,
        text: str,
        *,
        query: CredentialQuery | None = None,
        anchor: IssuanceAnchor | None = None,
    ) -> VerificationReport:
        """Verify a credential that is bound to no key, such as one on paper.

        The policy must accept those. Accepted means that the certificate is genuine; whose it is,
        only a look at the person's identity document can tell.
        """
        return examine(text, self._context(Mode.UNBOUND, query=query, anchor=anchor))

    def verify_w3c(
        self,
        presentation: str,
        request: PresentationRequest,
        *,
        query_id: str | None = None,
    ) -> VerificationReport:
        """Verify a W3C presentation (Data Integrity or `vp+jwt`) of one credential.

        The report is that of every format; the query's claims are those of the subject.

        Raises:
            MalformedError: the request has no such credential query (the caller's mistake).
            ValueError: the request is another verifier's.
        """
        query = request.credential_query(query_id)
        context = self._context(Mode.REQUESTED, request=self._own(request), query=query)
        return examine_w3c(presentation, context)

    def verify_w3c_credential(
        self, text: str, *, query: CredentialQuery | None = None
    ) -> VerificationReport:
        """Verify a W3C credential that names no holder; see `verify_credential`."""
        return examine_w3c(text, self._context(Mode.UNBOUND, query=query))

    def _own(self, request: PresentationRequest) -> PresentationRequest:
        if request.audience != self.audience:
            raise ValueError("the request was not made by this verifier")
        return request

    def _context(
        self,
        mode: Mode,
        *,
        request: PresentationRequest | None = None,
        query: CredentialQuery | None = None,
        anchor: IssuanceAnchor | None = None,
    ) -> Context:
        return Context(
            policy=self.policy,
            mode=mode,
            now=self._clock.now(),
            request=request,
            query=query,
            anchor=anchor,
            replay=self._replay,
            known=self._known,
            contexts=self._contexts,
        )


def _policy(
    registry: RegistryReader | None, policy: TrustPolicy | None, status_tokens: StatusTokens | None
) -> TrustPolicy:
    if policy is None and registry is not None:
        return TrustPolicy.for_registry(registry, status_tokens=status_tokens)
    if policy is None or registry is not None or status_tokens is not None:
        raise ValueError(
            "a verifier needs a registry or a trust policy, and not both; with a policy, "
            "status_tokens stand in the policy"
        )
    return policy


def query_of(vct: str, claims: Iterable[str | tuple[Step, ...]] = ()) -> CredentialQuery:
    """Return a query for one credential type with these claims, for `verify_shown`."""
    asked = tuple(ClaimQuery(ClaimPath(as_path(claim))) for claim in claims)
    return CredentialQuery(_QUERY_ID, (vct,), asked)
