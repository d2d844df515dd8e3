"""What the wallet's tests share: a wallet in a folder, an issuer's hand, a request."""

from __future__ import annotations

from pathlib import Path

from weid.clock import FixedClock
from weid.credential.claim_path import ClaimPath
from weid.credential.sd_jwt import issue_sd_jwt
from weid.crypto.keys import PrivateKey, PublicKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import JsonObject
from weid.registry.plain import PlainRegistry
from weid.verification.dcql import ClaimQuery, CredentialQuery, DcqlQuery
from weid.verification.request import PresentationRequest
from weid.wallet.sealed_file import PassphraseCost
from weid.wallet.wallet import Wallet

NOW = 1_790_000_000
COST = PassphraseCost(operations=1, memory=8 * 1024 * 1024)
PASSPHRASE = "correct horse"
ISSUER = "did:weid:macau:4SSGoUQzyCi4Mj7gzYPyK5pBmUMH"
VCT = "urn:weid:macau:cpt:diploma:1"
SIGNER = InMemorySigner(PrivateKey.from_seed(b"\x51" * 32))
ADA: JsonObject = {
    "name": "Ada Lovelace",
    "degree": "數學學士",
    "born": "1815-12-10",
    "address": {"city": "London", "street": "12 St James's Square"},
}


def new_wallet(
    folder: Path, *, clock: FixedClock | None = None, names: PlainRegistry | None = None
) -> Wallet:
    return Wallet.create(
        folder / "ada.wallet",
        passphrase=PASSPHRASE,
        clock=clock or FixedClock(NOW),
        names=names,
        cost=COST,
    )


def open_wallet(path: Path, passphrase: str = PASSPHRASE) -> Wallet:
    return Wallet.open(path, passphrase=passphrase, clock=FixedClock(NOW), wait=0)


def issue(key: PublicKey | None, claims: JsonObject = ADA, **changes: object) -> str:
    payload: JsonObject = {
        "iss": ISSUER,
        "iat": NOW - 86_400,
        "exp": NOW + 365 * 86_400,
        "vct": VCT,
        **({} if key is None else {"cnf": {"jwk": key.to_jwk()}}),
        **changes,
        **claims,
    }
    return issue_sd_jwt(
        payload,
        disclosable=list(claims),
        signer=SIGNER,
        typ="dc+sd-jwt",
        kid=f"{ISSUER}#assertion-1",
    )


def ask(*claims: str, vct: str = VCT, name: str | None = None) -> PresentationRequest:
    query = CredentialQuery(
        "diploma", (vct,), tuple(ClaimQuery(ClaimPath((claim,))) for claim in claims)
    )
    return PresentationRequest(
        audience="https://employer.example",
        nonce="n-0S6_WzA2Mj",
        query=DcqlQuery((query,)),
        client_name=name,
    )


def registry() -> PlainRegistry:
    found = PlainRegistry("macau", clock=FixedClock(NOW))
    found.add_issuer(ISSUER, SIGNER.public_key, name="University of London")
    return found
