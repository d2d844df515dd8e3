"""Two wallets at one issuer at the same time: each gets its own, and nothing of the other's."""

from __future__ import annotations

from tests.support.clauses import clause
from tests.unit.openid4vci.authorizing import Walk, members, refusal
from tests.unit.openid4vci.test_endpoints import asking, body
from weid.credential.sd_jwt import SdJwt, reconstruct
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.openid4vci.authorization_policy import OfferedBefore

WALLETS = {
    "wallet-a": InMemorySigner(PrivateKey.from_seed(b"\x41" * 32)),
    "wallet-b": InMemorySigner(PrivateKey.from_seed(b"\x42" * 32)),
}


@clause("IP-39", "IP-42", "IP-45")
def test_two_clients_that_take_turns_get_each_its_own_credential():
    walk = Walk(clients=())
    codes, tokens, keys = {}, {}, {}
    for client_id in WALLETS:
        made = walk.endpoints.offer("diploma", {"name": client_id}, by_page=True)
        walk.approval = OfferedBefore(made.issuance_id)
        codes[client_id] = walk.code(walk.attested(client_id), client_id=client_id)
    for client_id, other in zip(WALLETS, reversed(WALLETS), strict=True):
        foreign = walk.token(codes[other], walk.attested(client_id), client_id=client_id)
        assert refusal(foreign) == (400, "invalid_grant")
    for client_id in reversed(WALLETS):
        reply = walk.token(codes[client_id], walk.attested(client_id), client_id=client_id)
        tokens[client_id] = members(reply)["access_token"]
    for client_id, signer in WALLETS.items():
        reply = walk.endpoints.credential(asking(walk.setting, tokens[client_id], signer))
        assert reply.status == 200
        (entry,) = body(reply)["credentials"]
        sd_jwt = SdJwt.parse(entry["credential"])
        keys[client_id] = sd_jwt.payload()["cnf"]["jwk"]
        assert reconstruct(sd_jwt).claims["name"] == client_id
    assert keys == {name: signer.public_key.to_jwk() for name, signer in WALLETS.items()}
