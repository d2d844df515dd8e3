"""SD-JWT VC against the `sd-jwt` package: issue, present and verify one certificate.

The certificate of `workload.json`: 12 claims, 8 of which may be withheld, 3 presented with a key
binding. Ratios are to the peer in the same rounds. `verify_core` makes the checks that the peer
makes (signature, digests, key binding with hash, audience and nonce); `verify_full` all that we
make of a credential by itself: form, times, key id, what may be withheld, the compiled schema,
status reference, age of the key binding. `present` starts from the text, `present_held` from a
credential that both sides hold parsed. `issue` signs claims; `issue_full` checks them against the
template before and the holder's key too.

Run: python -m benchmarks sd_jwt
"""

from __future__ import annotations

import json
import secrets
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.rounds import compare
from weid.clock import SystemClock
from weid.credential.claim_path import ClaimPath
from weid.credential.credential import TYP, Credential, create_credential, subject_claims
from weid.credential.key_binding import check_key_binding, create_key_binding
from weid.credential.sd_jwt import SdJwt, choose, issue_sd_jwt, reconstruct
from weid.credential.status_list import StatusReference
from weid.credential.template import CredentialTemplate
from weid.crypto.jws import verify_jws
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import JsonObject
from weid.errors import WeidError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from jwcrypto.jwk import JWK
    from sd_jwt.common import SDObj
    from sd_jwt.holder import SDJWTHolder
    from sd_jwt.issuer import SDJWTIssuer
    from sd_jwt.verifier import SDJWTVerifier

WORK: dict[str, Any] = json.loads(Path(__file__).with_name("workload.json").read_text("utf-8"))
ISSUER = "did:weid:bench:" + "1" * 28
KID = ISSUER + "#assert-1"


def template() -> CredentialTemplate:
    """Return the template of the workload, published."""
    claims = [
        {"path": [name], "sd": "allowed" if name in WORK["withholdable"] else "never"}
        for name in WORK["claims"]
    ]
    source = {
        "cpt_id": "certificate",
        "name": "Certificate",
        "claims": claims,
        "schema": WORK["schema"],
    }
    draft = CredentialTemplate.from_source(json.dumps(source).encode())
    return draft.for_network("bench", 1)


class Ours:
    """This library."""

    def __init__(self, issuer: PrivateKey, holder: PrivateKey) -> None:
        self.signer, self.holder = InMemorySigner(issuer), InMemorySigner(holder)
        self.template = template()
        self.status = StatusReference(WORK["status"]["uri"], WORK["status"]["index"])
        self.envelope: JsonObject = {
            "iss": ISSUER,
            "iat": WORK["issued_at"],
            "exp": WORK["expires_at"],
            "vct": self.template.vct,
            "vct#integrity": self.template.integrity,
            "status": self.status.to_json(),
            "cnf": {"jwk": holder.public.to_jwk()},
        }
        self.paths = tuple(ClaimPath((name,)) for name in WORK["withholdable"])
        self.wanted = tuple(ClaimPath((name,)) for name in WORK["presented"])
        self.clock = SystemClock()

    def issue(self) -> str:
        """Return the certificate, signed."""
        return issue_sd_jwt(
            {**self.envelope, **WORK["claims"]},
            disclosable=self.paths,
            signer=self.signer,
            typ=TYP,
            kid=KID,
        )

    def issue_full(self) -> str:
        """Return the certificate, its claims and holder key checked before."""
        return create_credential(
            self.template,
            WORK["claims"],
            issuer=ISSUER,
            kid=KID,
            signer=self.signer,
            issued_at=WORK["issued_at"],
            expires_at=WORK["expires_at"],
            holder_key=self.holder.public_key,
            status=self.status,
        ).text

    def hold(self, text: str) -> SdJwt:
        """Return the credential parsed."""
        return SdJwt.parse(text)

    def present_held(self, held: SdJwt) -> str:
        """Return a presentation of a parsed credential."""
        chosen = choose(held, self.wanted)
        return chosen + create_key_binding(
            chosen,
            audience=WORK["audience"],
            nonce=WORK["nonce"],
            signer=self.holder,
            clock=self.clock,
        )

    def present(self, text: str) -> str:
        """Return a presentation of a credential as text."""
        return self.present_held(self.hold(text))

    def verify_core(self, text: str) -> JsonObject:
        """Return the claims after the peer's checks."""
        sd_jwt = SdJwt.parse(text)
        verify_jws(sd_jwt.issuer_jws, self.signer.public_key)
        claims = reconstruct(sd_jwt).claims
        confirmation: Any = claims["cnf"]
        self._check_binding(sd_jwt, PublicKey.from_jwk(confirmation["jwk"]))
        return claims

    def verify_full(self, text: str) -> JsonObject:
        """Return the claims after all checks of a credential by itself."""
        now = self.clock.now()
        credential = Credential.parse(text)
        assert credential.key_url.fragment == "assert-1"
        verify_jws(credential.sd_jwt.issuer_jws, self.signer.public_key)
        assert credential.issued_at <= now < (credential.expires_at or 0)
        assert (credential.vct, credential.vct_integrity) == (
            self.template.vct,
            self.template.integrity,
        )
        reconstruction = credential.reconstruct()
        claims = subject_claims(reconstruction.claims)
        assert self.template.check_presented(claims, reconstruction.disclosed) == ()
        assert credential.status_reference == self.status
        holder_key = credential.holder_key
        assert holder_key is not None
        self._check_binding(credential.sd_jwt, holder_key)
        return claims

    def _check_binding(self, sd_jwt: SdJwt, holder_key: PublicKey) -> None:
        check_key_binding(
            sd_jwt,
            holder_key,
            expected_audience=WORK["audience"],
            expected_nonce=WORK["nonce"],
            now=self.clock.now(),
        )


class Peer:
    """The `sd-jwt` package by its public classes."""

    def __init__(self, issuer: PrivateKey, holder: PrivateKey, envelope: JsonObject) -> None:
        self.alg = issuer.public.algorithm
        self.issuer = JWK(**issuer.to_private_jwk())
        self.issuer_public = JWK(**issuer.public.to_jwk())
        self.holder = JWK(**holder.to_private_jwk())
        self.holder_public = JWK(**holder.public.to_jwk())
        plain = {name: value for name, value in envelope.items() if name != "cnf"}
        self.claims = {
            **plain,
            **{
                SDObj(name) if name in WORK["withholdable"] else name: value
                for name, value in WORK["claims"].items()
            },
        }
        self.wanted = dict.fromkeys(WORK["presented"], True)
        alg = self.alg

        class Verifier(SDJWTVerifier):  # type: ignore[misc]  # untyped
            # Without this the package takes no key binding but ES256.
            def _verify_key_binding_jwt(self, aud: Any = None, nonce: Any = None) -> None:
                super()._verify_key_binding_jwt(aud, nonce, alg)

        self.verifier = Verifier

    def issue(self) -> str:
        """Return the certificate, signed."""
        header = {"typ": TYP, "kid": KID}
        issued = SDJWTIssuer(
            self.claims,
            self.issuer,
            self.holder_public,
            sign_alg=self.alg,
            extra_header_parameters=header,
        )
        return str(issued.sd_jwt_issuance)

    def hold(self, text: str) -> Any:
        """Return the credential parsed."""
        return SDJWTHolder(text)

    def present_held(self, held: Any) -> str:
        """Return a presentation of a parsed credential."""
        held.create_presentation(
            self.wanted, WORK["nonce"], WORK["audience"], self.holder, sign_alg=self.alg
        )
        return str(held.sd_jwt_presentation)

    def present(self, text: str) -> str:
        """Return a presentation of a credential as text."""
        return self.present_held(self.hold(text))

    def verify(self, text: str) -> Any:
        """Return the claims."""
        checked = self.verifier(
            text, lambda _issuer, _header: self.issuer_public, WORK["audience"], WORK["nonce"]
        )
        return checked.get_verified_payload()


def check(ours: Ours, peer: Peer) -> None:
    """Each side accepts what the other made, sees what was presented, and we refuse a change."""
    always = {n: v for n, v in WORK["claims"].items() if n not in WORK["withholdable"]}
    expected = {**always, **{name: WORK["claims"][name] for name in WORK["presented"]}}
    for text in (ours.issue(), ours.issue_full(), peer.issue()):
        for shown in (ours.present(text), peer.present(text)):
            for verify in (ours.verify_core, ours.verify_full, peer.verify):
                claims = verify(shown)
                assert subject_claims(claims) == expected
    shown = ours.present(ours.issue())
    stranger = secrets.token_urlsafe(40)
    for verify in (ours.verify_core, ours.verify_full):
        try:
            verify(shown.replace("~", f"~{stranger}~", 1))
        except WeidError:
            continue
        raise AssertionError("a stranger's disclosure was accepted")


def run(kind: KeyKind = KeyKind.ED25519) -> list[dict[str, object]]:
    """Measure; each figure is operations a second of one core, its ratio to the peer's."""
    issuer, holder = PrivateKey.generate(kind), PrivateKey.generate(kind)
    ours = Ours(issuer, holder)
    peer = Peer(issuer, holder, ours.envelope)
    check(ours, peer)
    text = ours.issue()
    shown = ours.present(text)
    held, peer_held = ours.hold(text), peer.hold(text)
    groups: list[tuple[Callable[[], object], dict[str, Callable[[], object]]]] = [
        (
            lambda: peer.verify(shown),
            {
                "verify_core": lambda: ours.verify_core(shown),
                "verify_full": lambda: ours.verify_full(shown),
            },
        ),
        (peer.issue, {"issue": ours.issue, "issue_full": ours.issue_full}),
        (lambda: peer.present(text), {"present": lambda: ours.present(text)}),
        (
            lambda: peer.present_held(peer_held),
            {"present_held": lambda: ours.present_held(held)},
        ),
    ]
    figures: list[dict[str, object]] = []
    for theirs, mine in groups:
        timings = compare({"peer": theirs, **mine})
        figures += [
            {
                "name": name,
                "value": timings[name].per_second,
                "unit": "per s, core",
                "ratio": timings[name].ratio,
                "to": "sd-jwt (PyPI)",
            }
            for name in mine
        ]
    return figures
