"""What the checks work with: the context that the verifier sets, the subject that they find out.

The context is fixed before the presentation is looked at. The subject starts as text; a check
fills in a member only once it has established it, and reading one that no check has filled in is
an error (which `examine` turns into a failed check), never a default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from weid.credential.credential import Credential
from weid.credential.issuance_anchor import IssuanceAnchor
from weid.verification.dcql import CredentialQuery
from weid.verification.known import Answers, Known
from weid.verification.policy import ListedIssuer, Mode, TrustedNetwork, TrustPolicy
from weid.verification.replay import ReplayMemory
from weid.verification.request import PresentationRequest
from weid.w3c.terms import Contexts

if TYPE_CHECKING:
    from weid.credential.claim_path import ClaimPath
    from weid.credential.key_binding import KeyBinding
    from weid.credential.sd_jwt import SdJwt
    from weid.credential.template import CredentialTemplate
    from weid.crypto.keys import PublicKey
    from weid.encoding import JsonObject
    from weid.registry.records import Head


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the verifier knows and demands before it looks at the presentation."""

    policy: TrustPolicy
    mode: Mode
    now: int
    request: PresentationRequest | None
    query: CredentialQuery | None
    anchor: IssuanceAnchor | None
    replay: ReplayMemory
    known: Known
    part_of_answer: bool = False
    """Whether other presentations come beside this one, and are judged together with it."""
    contexts: Contexts = field(default_factory=Contexts)
    """The JSON-LD contexts that W3C credentials may name."""


@dataclass(frozen=True, slots=True)
class IssuerInRegistry:
    """A did:weid issuer: the name of its network, how it is trusted, its answers, head and lag."""

    name: str
    network: TrustedNetwork
    answers: Answers
    head: Head
    lag: int


@dataclass(frozen=True, slots=True)
class SingleUse:
    """What a replay memory is to remember of a presentation, and until when (seconds)."""

    key: str
    until: int


class Subject:
    """A presentation under examination; each member appears when a check has established it."""

    __slots__ = (
        "claims",
        "credential",
        "disclosed",
        "holder_key",
        "issued_at",
        "issuer",
        "issuer_key",
        "kept",
        "key_binding",
        "payload",
        "sd_jwt",
        "single_use",
        "template",
        "text",
        "trust",
        "vct",
    )

    text: str
    # format
    credential: Credential
    sd_jwt: SdJwt
    payload: JsonObject
    vct: str
    issued_at: int
    # issuer_key: who issued it, how the issuer is trusted, and its key
    issuer: str
    trust: IssuerInRegistry | ListedIssuer
    issuer_key: PublicKey
    # disclosure_integrity: the claims of the template, and which of them came disclosed
    claims: JsonObject
    disclosed: frozenset[ClaimPath]
    # template_conformance
    template: CredentialTemplate
    # key_binding
    holder_key: PublicKey | None
    key_binding: KeyBinding | None
    # request_binding: what makes this presentation count once
    single_use: SingleUse
    # requested_claims
    kept: JsonObject

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def issuer_header(self) -> JsonObject:
        """The header that the issuer signed."""
        return self.sd_jwt.issuer_jws.header
