"""A small real world: a registry, a recognized issuer with a template, a holder and a verifier.

Everything is the real thing; only the clock stands still. `Forge` signs with the issuer's own key
what the issuer would never sign, so that a test can change one thing at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from registry_chain import LocalRegistry
from weid.clock import FixedClock
from weid.credential.credential import TYP, Credential
from weid.credential.key_binding import create_key_binding
from weid.credential.sd_jwt import SdJwt, issue_sd_jwt
from weid.credential.template import CredentialTemplate
from weid.crypto.jws import create_jws
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner, Signer
from weid.encoding import JsonObject, JsonValue, json_dumps
from weid.holder import Holder
from weid.issuer import ASSERTION_KEY, Issuer, IssuerKeys
from weid.issuing.status_store import MemoryStatusStore
from weid.registry.operations import KeyPurpose, UpdateDid
from weid.registry.signing import new_key
from weid.verification.policy import TrustedNetwork, TrustPolicy
from weid.verification.report import VerificationReport
from weid.verification.request import PresentationRequest
from weid.verifier import Verifier

START = 1_780_000_000
"""2026-05-28T20:26:40Z: when each world begins (seconds)."""
AUDIENCE = "https://employer.example"
CLAIMS: JsonObject = {
    "name": "Ada Lovelace",
    "degree": "Mathematics",
    "born": "1815-12-10",
    "address": {"city": "London", "street": "12 St James's Square"},
    "languages": ["en", "fr"],
    "number": "D-2026-0001",
}
_SOURCE: JsonObject = {
    "cpt_id": "diploma",
    "name": "Diploma",
    "claims": [
        {"path": ["name"], "sd": "allowed"},
        {"path": ["degree"], "sd": "allowed"},
        {"path": ["born"], "sd": "always"},
        {"path": ["address"], "sd": "allowed"},
        {"path": ["address", "city"], "sd": "allowed"},
        {"path": ["address", "street"], "sd": "allowed"},
        {"path": ["languages"], "sd": "allowed"},
        {"path": ["number"], "sd": "never"},
    ],
    "schema": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "degree", "number"],
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 80},
            "degree": {"type": "string", "maxLength": 80},
            "born": {"type": "string", "format": "date"},
            "address": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"city": {"type": "string"}, "street": {"type": "string"}},
            },
            "languages": {"type": "array", "items": {"type": "string"}},
            "number": {"type": "string"},
        },
    },
    "validity": {"default": "P1Y", "maximum": "P5Y"},
}


def draft(**changes: JsonValue) -> CredentialTemplate:
    """Return the draft of the world's template, with members changed."""
    return CredentialTemplate.from_source(json_dumps({**_SOURCE, **changes}))


def seeded(number: int) -> PrivateKey:
    """Return a private key of a number, for worlds that are the same each time."""
    return PrivateKey.from_seed(number.to_bytes(32, "big"))


@dataclass
class World:
    """The world; `policy` options of `verifier` loosen what its verifier demands."""

    registry: LocalRegistry
    clock: FixedClock
    issuer: Issuer
    template: CredentialTemplate
    holder: PrivateKey
    keys: IssuerKeys
    store: MemoryStatusStore

    @classmethod
    def begin(cls, *, at: int = START) -> World:
        """Return a new world that begins at a time (seconds)."""
        clock = FixedClock(at)
        registry = LocalRegistry(network="test", clock=clock)
        store = MemoryStatusStore()
        issuer = Issuer.register(
            "Test University", registry=registry, status_store=store, clock=clock
        )
        template = issuer.publish(draft())
        registry.governor.recognize(issuer.did, template)
        keys = issuer.keys
        assert keys is not None
        return cls(registry, clock, issuer, template, seeded(7), keys, store)

    @cached_property
    def credential(self) -> Credential:
        """A credential of the holder, issued when it is first asked for."""
        return self.issue()

    def issue(self, claims: JsonObject | None = None, *, days: int = 365) -> Credential:
        """Issue a credential to the holder."""
        return self.issuer.issue(
            self.template,
            CLAIMS if claims is None else claims,
            holder_key=self.holder.public,
            valid_for=timedelta(days=days),
        )

    def policy(self, **options: object) -> TrustPolicy:
        """Return a policy that trusts this registry, with options."""
        network = TrustedNetwork(reader=self.registry, genesis_hash=self.registry.genesis_hash)
        return TrustPolicy(networks={"test": network}, **options)  # type: ignore[arg-type]

    def verifier(self, **options: object) -> Verifier:
        """Return a verifier with a policy of these options."""
        return Verifier(AUDIENCE, policy=self.policy(**options), clock=self.clock)

    def present(
        self,
        request: PresentationRequest,
        credential: Credential | None = None,
        *,
        signer: Signer | None = None,
    ) -> str:
        """Return the holder's answer to a request."""
        return Holder.present(
            credential or self.credential,
            request,
            signer=signer or InMemorySigner(self.holder),
            clock=self.clock,
        )

    def verify(self, text: str | None = None, *claims: str) -> VerificationReport:
        """Verify a credential's text as the answer to a request for claims, freshly bound.

        The text is that of an SD-JWT with the disclosures to show; None takes the world's own.
        """
        verifier = self.verifier()
        request = verifier.request(self.template, *(claims or ("name", "degree")))
        if text is None:
            return verifier.verify(self.present(request), request)
        return verifier.verify(self.bind(text, request), request)

    def bind(
        self,
        sd_jwt: str,
        request: PresentationRequest,
        *,
        signer: Signer | None = None,
    ) -> str:
        """Return an SD-JWT with a key binding for a request."""
        return sd_jwt + create_key_binding(
            sd_jwt,
            audience=request.audience,
            nonce=request.nonce,
            signer=signer or InMemorySigner(self.holder),
            clock=self.clock,
        )

    # --- what an issuer would never sign ----------------------------------------------------------

    @cached_property
    def payload(self) -> JsonObject:
        """The payload of a good credential with every claim in the clear, to be changed."""
        good = self.credential
        registered: JsonObject = {
            name: value
            for name, value in good.sd_jwt.payload().items()
            if not name.startswith("_sd") and name not in CLAIMS
        }
        return registered | CLAIMS

    def forge(
        self,
        changes: Mapping[str, JsonValue] | None = None,
        *,
        without: tuple[str, ...] = (),
        header: JsonObject | None = None,
        signer: Signer | None = None,
        withheld: tuple[str, ...] | None = None,
    ) -> str:
        """Return an SD-JWT of a changed payload, signed with the issuer's key unless said else."""
        payload = {**self.payload, **(changes or {})}
        for name in without:
            payload.pop(name, None)
        paths = [
            path
            for path in (self.template.withholdable if withheld is None else withheld)
            if str(path).split(".")[0] in payload
        ]
        signer = signer or self.signer
        kid = f"{self.issuer.did}#{ASSERTION_KEY}"
        text = issue_sd_jwt(payload, disclosable=paths, signer=signer, typ=TYP, kid=kid)
        return text if header is None else self.sign_again(text, header=header)

    def sign_again(
        self,
        text: str,
        *,
        payload: bytes | None = None,
        header: JsonObject | None = None,
        signer: Signer | None = None,
    ) -> str:
        """Return an SD-JWT whose issuer token is signed anew with another payload or header."""
        sd_jwt = SdJwt.parse(text)
        jws = create_jws(
            {**sd_jwt.issuer_jws.header, **(header or {})},
            sd_jwt.issuer_jws.payload if payload is None else payload,
            signer or self.signer,
        )
        return "~".join([jws, *sd_jwt.disclosures, ""])

    @cached_property
    def signer(self) -> Signer:
        """The issuer's first signer."""
        return InMemorySigner(self.keys.assertion)

    # --- as time goes by --------------------------------------------------------------------------

    def wait(self, seconds: int) -> None:
        """Let time pass; the issuer renews its status lists meanwhile."""
        self.clock.advance(seconds)
        self.issuer.publish_status()

    def add_key(self, key_id: str, key: PrivateKey, *, retire: str | None = None) -> None:
        """Give the issuer a further assertion key, with which it works from now on."""
        did = self.issuer.did
        record = self.registry.did(did)
        assert record is not None
        added = new_key(did, key_id, InMemorySigner(key), (KeyPurpose.ASSERTION,))
        retired = () if retire is None else (retire,)
        self.issuer.author.submit(
            UpdateDid(did, record.version.number, add_keys=(added,), retire_keys=retired)
        )
        self.issuer = Issuer.open(
            did,
            control=InMemorySigner(self.keys.control),
            assertion=InMemorySigner(key),
            registry=self.registry,
            key_id=key_id,
            status_store=self.store,
            clock=self.clock,
        )
        self.issuer.publish_status()
