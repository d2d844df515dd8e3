"""What a wallet takes in: only what an issuer of a trusted registry made, or what nobody verified."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from tests.support.clauses import clause
from tests.support.world import CLAIMS, World, seeded
from tests.unit.openid4vci.issuing import DIPLOMA, EndpointsTransport, Setting
from tests.unit.wallet.holding import new_wallet, open_wallet
from weid.credential.sd_jwt import SdJwt
from weid.crypto.signer import InMemorySigner
from weid.errors import (
    RegistryUnavailableError,
    RejectedError,
    UndeterminedError,
    WalletError,
)
from weid.openid4vci.redemption import IssuanceRequest
from weid.verification.policy import TrustedNetwork, TrustPolicy
from weid.verification.received import ISSUED, require_issued
from weid.wallet.consent import Consent, ConsentKind
from weid.wallet.contents import HeldCredential
from weid.wallet.wallet import Wallet

SIGN = Callable[[World, IssuanceRequest], str]


class Registry:
    """The world's registry, which may be out of reach from some moment on."""

    def __init__(self, world: World) -> None:
        self._registry = world.registry
        self.away: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> object:
        if name in self.away:
            raise RegistryUnavailableError("no node answers")
        return getattr(self._registry, name)


class Scene:
    """A world, an issuer's endpoints that hand out what `sign` makes, and a wallet in a folder."""

    def __init__(self, sign: SIGN | None = None) -> None:
        self.world = World.begin()
        self.registry = Registry(self.world)
        diploma = DIPLOMA.model_copy(update={"vct": self.world.template.vct})
        self.setting = Setting(clock=self.world.clock, diploma=diploma)
        make = sign or issued
        self.setting.office.sign = lambda request: make(self.world, request)

    @property
    def trust(self) -> TrustPolicy:
        reader = self.registry
        network = TrustedNetwork(reader=reader, genesis_hash=reader.genesis_hash)  # type: ignore[arg-type]
        return TrustPolicy(networks={"test": network})

    def accept(self, wallet: Wallet, **options: object) -> HeldCredential:
        given = options or {"trust": self.trust}
        offer = self.setting.endpoints.offer("diploma", CLAIMS)
        return wallet.accept(offer.uri, transport=EndpointsTransport(self.setting), **given)  # type: ignore[arg-type]


def issued(world: World, request: IssuanceRequest) -> str:
    return world.issuer.issue(world.template, request.approved, holder_key=request.holder_key).text


def wallet_in(folder, scene: Scene, **options: object) -> Wallet:
    return new_wallet(folder, clock=scene.world.clock, **options)  # type: ignore[arg-type]


@clause("IP-21", "IP-35")
def test_what_a_recognized_issuer_made_is_kept(tmp_path):
    scene = Scene()
    with wallet_in(tmp_path, scene) as wallet:
        held = scene.accept(wallet)
        assert wallet.credentials() == (held,)


def by_a_stranger(world: World, request: IssuanceRequest) -> str:
    return world.sign_again(issued(world, request), signer=InMemorySigner(seeded(99)))


def changed(world: World, request: IssuanceRequest) -> str:
    sd_jwt = SdJwt.parse(issued(world, request))
    header, payload, _ = sd_jwt.issuer_jws.text.split(".")
    signature = sd_jwt.issuer_jws.text.rsplit(".", 1)[1]
    other = "A" if signature[0] != "A" else "B"
    return "~".join([f"{header}.{payload}.{other}{signature[1:]}", *sd_jwt.disclosures, ""])


def of_nobody(world: World, request: IssuanceRequest) -> str:
    jwk = {"cnf": {"jwk": request.holder_key.to_jwk()}}
    return world.forge({**jwk, "iss": "did:weid:test:4SSGoUQzyCi4Mj7gzYPyK5pBmUMH"})


def after_the_recognition_ended(world: World, request: IssuanceRequest) -> str:
    world.registry.governor.derecognize(world.issuer.did, world.template)
    world.wait(200)
    return world.forge({"cnf": {"jwk": request.holder_key.to_jwk()}, "iat": world.clock.now()})


def of_other_claims_than_the_template_has(world: World, request: IssuanceRequest) -> str:
    return world.forge({"cnf": {"jwk": request.holder_key.to_jwk()}, "height": 180})


REFUSED: dict[str, tuple[SIGN, str, int]] = {
    "signed by a stranger": (by_a_stranger, "issuer_signature", 10),
    "with another signature": (changed, "issuer_signature", 10),
    "of an issuer that nobody knows": (of_nobody, "issuer_key", 13),
    "of an issuer without recognition": (after_the_recognition_ended, "issuer_recognition", 13),
    "beside the template": (of_other_claims_than_the_template_has, "template_conformance", 1),
}


@clause("IP-21", "IP-35")
@pytest.mark.parametrize(("sign", "check", "code"), REFUSED.values(), ids=REFUSED)
def test_what_no_verifier_would_take_is_not_kept(tmp_path, sign: SIGN, check: str, code: int):
    scene = Scene(sign)
    asked: list[Consent] = []
    with wallet_in(tmp_path, scene) as wallet:
        with pytest.raises(RejectedError, match=check) as refused:
            scene.accept(
                wallet, trust=scene.trust, agree=lambda consent: asked.append(consent) or True
            )
        assert wallet.credentials() == ()
    assert refused.value.report.exit_code == code
    assert refused.value.hint
    assert [consent.kind for consent in asked] == [ConsentKind.OFFER]


@clause("IP-21", "IP-30")
def test_the_key_is_there_before_the_issuer_knows_it(tmp_path):
    scene = Scene(by_a_stranger)
    with wallet_in(tmp_path, scene) as wallet, pytest.raises(RejectedError):
        scene.accept(wallet)
    (request,) = scene.setting.office.calls
    with open_wallet(tmp_path / "ada.wallet") as wallet:
        assert request.holder_key.thumbprint() in wallet._contents.keys


@clause("IP-35")
def test_while_the_registry_cannot_be_asked_nothing_is_redeemed(tmp_path):
    scene = Scene()
    trust = scene.trust
    with wallet_in(tmp_path, scene) as wallet:
        scene.registry.away = ("head",)
        with pytest.raises(RegistryUnavailableError):
            scene.accept(wallet, trust=trust)
        assert scene.setting.named() == ["offered"]
        assert scene.setting.office.calls == []
        scene.registry.away = ()
        assert scene.accept(wallet, trust=trust)


@clause("IP-35")
def test_with_a_registry_state_that_is_too_old_nothing_is_redeemed(tmp_path):
    scene = Scene()
    network = dataclasses.replace(scene.trust.networks["test"], warn_after=5, refuse_after=10)
    trust = TrustPolicy(networks={"test": network})
    scene.world.clock.advance(11)
    with wallet_in(tmp_path, scene) as wallet:
        with pytest.raises(RegistryUnavailableError, match="11 s old"):
            scene.accept(wallet, trust=trust)
        assert scene.setting.office.calls == []


@clause("IP-35")
def test_a_registry_that_goes_away_meanwhile_leaves_nothing_kept(tmp_path):
    scene = Scene()
    trust = scene.trust
    scene.setting.office.before = lambda: setattr(scene.registry, "away", ("did",))
    with wallet_in(tmp_path, scene) as wallet:
        with pytest.raises(UndeterminedError):
            scene.accept(wallet, trust=trust)
        assert wallet.credentials() == ()


@clause("IP-35")
@pytest.mark.parametrize("vct", ["urn:weid:other:cpt:diploma:1", "https://types.example/diploma"])
def test_a_type_that_no_trusted_registry_knows_is_not_redeemed(tmp_path, vct: str):
    scene = Scene()
    scene.setting = Setting(
        clock=scene.world.clock, diploma=DIPLOMA.model_copy(update={"vct": vct})
    )
    with wallet_in(tmp_path, scene) as wallet:
        with pytest.raises(WalletError, match="no trusted registry knows"):
            scene.accept(wallet)
        assert scene.setting.named() == ["offered"]


@clause("IP-35")
def test_who_is_trusted_or_that_nobody_is_must_be_said(tmp_path):
    scene = Scene()
    with wallet_in(tmp_path, scene) as wallet:
        for options in (
            {"trust": None},
            {"trust": scene.trust, "accept_unverified": True},
        ):
            with pytest.raises(WalletError, match="trust policy"):
                scene.accept(wallet, **options)
        assert scene.setting.office.calls == []


@clause("IP-23", "IP-35")
def test_what_nobody_verified_is_kept_only_as_such_and_without_a_confirmed_name(tmp_path):
    scene = Scene(by_a_stranger)
    asked: list[Consent] = []
    with wallet_in(tmp_path, scene, names=scene.registry) as wallet:
        held = scene.accept(
            wallet,
            accept_unverified=True,
            agree=lambda consent: asked.append(consent) or True,
        )
        assert wallet.credentials() == (held,)
    text = asked[-1].text()
    assert "Nobody verified it" in text
    assert "confirmed by the registry" not in text
    assert "no confirmed name" in text


@clause("IP-35")
def test_validity_status_and_the_holders_key_are_not_the_wallets_question():
    world = World.begin()
    assert not {"validity_period", "status", "key_binding"} & set(ISSUED)
    text = world.credential.text
    world.clock.advance(10 * 365 * 86_400)
    require_issued(text, world.policy(), now=world.credential.issued_at)


@clause("IP-35")
def test_an_anchor_proves_that_it_was_issued_before_the_key_was_lost():
    world = World.begin()
    credential = world.credential
    world.wait(3600)
    world.registry.governor.derecognize(
        world.issuer.did, world.template, compromised_since=world.clock.now()
    )
    now = world.clock.now()
    with pytest.raises(RejectedError, match="issuer_recognition"):
        require_issued(credential.text, world.policy(), now=now)
    require_issued(credential.text, world.policy(), now=now, anchor=credential.anchor)
