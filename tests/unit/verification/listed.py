"""A museum outside every registry, whose did:jwk a trust policy lists."""

from __future__ import annotations

from tests.support.world import AUDIENCE, World, seeded
from weid.credential.status_list import StatusList, StatusReference, create_status_token
from weid.crypto.signer import InMemorySigner
from weid.did.methods.jwk import JwkMethod
from weid.did.resolver import UniversalResolver
from weid.encoding import base64url_encode, json_dumps
from weid.verification.policy import ListedIssuer, StatusTokens, TrustPolicy
from weid.verifier import Verifier

KEY = seeded(5)
SIGNER = InMemorySigner(KEY)
DID = "did:jwk:" + base64url_encode(json_dumps(KEY.public.to_jwk()))
RESOLVER = UniversalResolver({"jwk": JwkMethod()})


def listed_policy(
    world: World, source: StatusTokens | None = None, **changes: object
) -> TrustPolicy:
    """Return a policy that lists the museum for the world's template, with members changed."""
    members: dict[str, object] = {
        "did": DID,
        "types": (world.template.vct,),
        "template": world.template,
        "name": "Museum",
    }
    listed = ListedIssuer(**(members | changes))  # type: ignore[arg-type]
    return TrustPolicy(issuers=(listed,), resolver=RESOLVER, status_tokens=source)


def listed_verifier(
    world: World, source: StatusTokens | None = None, **changes: object
) -> Verifier:
    """Return a verifier with such a policy."""
    return Verifier(AUDIENCE, policy=listed_policy(world, source, **changes), clock=world.clock)


def museum_text(
    world: World, uri: str | None = None, index: int = 0, *, fragment: str = "0"
) -> str:
    """Return a credential that the museum signed; without a URI it names no status."""
    status = {} if uri is None else {"status": StatusReference(uri, index).to_json()}
    without = ("status",) if uri is None else ()
    text = world.forge({"iss": DID, **status}, without=without, signer=SIGNER)
    return world.sign_again(text, header={"kid": f"{DID}#{fragment}"}, signer=SIGNER)


def museum_token(statuses: StatusList, *, uri: str, issued_at: int, ttl: int = 3600) -> str:
    """Return a status list token that the museum signed."""
    return create_status_token(
        statuses,
        uri=uri,
        issued_at=issued_at,
        ttl=ttl,
        expires_at=issued_at + 86_400,
        kid=f"{DID}#0",
        signer=SIGNER,
    )
