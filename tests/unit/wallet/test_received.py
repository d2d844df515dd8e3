"""What a wallet takes in: only what an issuer of a trusted registry made, or what nobody verified."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import pytest

from tests.support.clauses import clause
from tests.support.world import CLAIMS, World, seeded
from tests.unit.openid4vci.issuing import DIPLOMA, EndpointsTransport, Setting
from tests.unit.wallet.holding import PASSPHRASE, ask, new_wallet, open_wallet
from weid.credential.credential_type import CredentialType
from weid.credential.sd_jwt import SdJwt
from weid.crypto.signer import InMemorySigner
from weid.errors import (
    NotFoundError,
    RegistryUnavailableError,
    RejectedError,
    UndeterminedError,
    WalletError,
)
from weid.openid4vci.redemption import IssuanceRequest
from weid.registry.bundle_export import BundleScope, export_from
from weid.registry.records import TemplateRecord
from weid.registry.trust_bundle import TrustBundle
from weid.verification.policy import TrustedNetwork, TrustPolicy
from weid.verification.received import ISSUED, require_issued
from weid.wallet.consent import Consent, ConsentKind
from weid.wallet.contents import HeldCredential, decode_contents, encode_contents
from weid.wallet.wallet import Wallet

SIGN = Callable[[World, IssuanceRequest], str]


class Registry:
    """The world's registry, which may be out of reach from some moment on."""

    def __init__(self, world: World) -> None:
        self._registry = world.registry
        self.away: tuple[str, ...] = ()
        self.without_documents = False

    def _nothing(self, record: TemplateRecord) -> bytes:
        raise NotFoundError(f"no document of {record.cpt_id}", hint="ask its publisher")

    def __getattr__(self, name: str) -> object:
        if name in self.away:
            raise RegistryUnavailableError("no node answers")
        if name == "template_document" and self.without_documents:
            return self._nothing
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

    def take(self, wallet: Wallet, offer_uri: str, trust: TrustPolicy) -> HeldCredential:
        return wallet.accept(offer_uri, transport=EndpointsTransport(self.setting), trust=trust)

    def accept_while_it_goes_away(
        self, wallet: Wallet, agree: Callable[[Consent], bool] | None = None
    ) -> HeldCredential:
        """Return what is kept when the registry goes away between the offer and its credential."""
        self.setting.office.before = lambda: setattr(self.registry, "away", ("did",))
        with pytest.raises(UndeterminedError) as caught:
            self.accept(wallet, trust=self.trust, agree=agree)
        self.registry.away = ()
        (held,) = wallet.credentials()
        assert caught.value.report.exit_code == 20
        assert "kept as not verified yet" in caught.value.message
        assert f"weid wallet verify {held.id}" in (caught.value.hint or "")
        return held


def issued(world: World, request: IssuanceRequest) -> str:
    return world.issuer.issue(
        world.template, request.approved, holder_key=request.holder_keys[0]
    ).text


def wallet_in(folder, scene: Scene, **options: object) -> Wallet:
    return new_wallet(folder, clock=scene.world.clock, **options)  # type: ignore[arg-type]


def wallet_again(folder, scene: Scene) -> Wallet:
    return Wallet.open(folder / "ada.wallet", passphrase=PASSPHRASE, clock=scene.world.clock)


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
    jwk = {"cnf": {"jwk": request.holder_keys[0].to_jwk()}}
    return world.forge({**jwk, "iss": "did:weid:test:4SSGoUQzyCi4Mj7gzYPyK5pBmUMH"})


def after_the_recognition_ended(world: World, request: IssuanceRequest) -> str:
    recognition = world.registry.recognition(world.issuer.did, world.template.cpt_id)
    # Each copy is signed by itself; a recognition ends once.
    if recognition.ended_at is None:
        world.registry.governor.derecognize(world.issuer.did, world.template)
        world.wait(200)
    return world.forge({"cnf": {"jwk": request.holder_keys[0].to_jwk()}, "iat": world.clock.now()})


def of_other_claims_than_the_template_has(world: World, request: IssuanceRequest) -> str:
    return world.forge({"cnf": {"jwk": request.holder_keys[0].to_jwk()}, "height": 180})


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
        assert request.holder_keys[0].thumbprint() in wallet._contents.keys


@clause("IP-35")
@pytest.mark.parametrize(
    "asked", ["head", "parameter", "template", "template_document", "did", "recognition"]
)
def test_while_the_registry_cannot_be_asked_nothing_is_redeemed(tmp_path, asked: str):
    scene = Scene()
    trust = scene.trust
    offer = scene.setting.endpoints.offer("diploma", CLAIMS)
    with wallet_in(tmp_path, scene) as wallet:
        scene.registry.away = (asked,)
        with pytest.raises(RegistryUnavailableError):
            scene.take(wallet, offer.uri, trust)
        assert scene.setting.named() == ["offered"]
        assert scene.setting.office.calls == []
        assert not wallet._contents.keys
        scene.registry.away = ()
        assert not scene.take(wallet, offer.uri, trust).unverified


@clause("IP-35")
def test_a_bundle_that_does_not_cover_the_type_leaves_the_offer_as_it_is(tmp_path):
    scene = Scene()
    world = scene.world
    data = export_from(
        [world.registry.committed],
        genesis_hash=world.registry.genesis_hash,
        scope=BundleScope(templates=("another",)),
        clock=world.clock,
    )
    bundle = TrustBundle(data, genesis_hash=world.registry.genesis_hash, clock=world.clock)
    offer = scene.setting.endpoints.offer("diploma", CLAIMS)
    with wallet_in(tmp_path, scene) as wallet:
        with pytest.raises(RegistryUnavailableError):
            scene.take(wallet, offer.uri, TrustPolicy.for_registry(bundle))
        assert scene.setting.office.calls == []
        assert scene.take(wallet, offer.uri, scene.trust)


@clause("IP-35")
def test_a_template_that_the_registry_lacks_or_nobody_keeps_leaves_the_offer_as_it_is(tmp_path):
    scene = Scene()
    trust = scene.trust
    missing = CredentialType.parse(scene.world.template.vct)
    with wallet_in(tmp_path, scene) as wallet:
        scene.registry.without_documents = True
        with pytest.raises(RegistryUnavailableError, match="template") as away:
            scene.accept(wallet, trust=trust)
        assert away.value.hint
        scene.setting = Setting(
            clock=scene.world.clock,
            diploma=DIPLOMA.model_copy(
                update={"vct": str(dataclasses.replace(missing, version=missing.version + 1))}
            ),
        )
        with pytest.raises(WalletError, match="does not have the type"):
            scene.accept(wallet, trust=trust)
        assert scene.setting.office.calls == []


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


@clause("IP-36")
def test_what_could_not_be_verified_any_more_is_kept_and_not_shown_before_it_is(tmp_path):
    scene = Scene()
    kinds: list[ConsentKind] = []

    def agree(consent: Consent) -> bool:
        kinds.append(consent.kind)
        return True

    request = ask("name", vct=scene.world.template.vct)
    with wallet_in(tmp_path, scene) as wallet:
        held = scene.accept_while_it_goes_away(wallet, agree)
        assert held.unverified
        assert held.source
        assert kinds == [ConsentKind.OFFER]
    with open_wallet(tmp_path / "ada.wallet") as wallet:
        assert wallet.credentials() == (held,)
        assert wallet.answers(request) == ()
        for use in (
            lambda: wallet.present(request),
            lambda: wallet.present(request, credential_id=held.id),
            lambda: wallet.consent(request),
            lambda: wallet.show(held.id, disclose=["name"]),
        ):
            with pytest.raises(WalletError, match="not verified yet") as refused:
                use()
            assert held.id in (refused.value.hint or "")
        assert wallet.credential(held.id).uses == ()
    with wallet_again(tmp_path, scene) as wallet:
        verified = wallet.verify(held.id, trust=scene.trust, agree=agree)
        assert verified == dataclasses.replace(held, unverified=False)
        assert wallet.credentials() == (verified,)
        assert kinds == [ConsentKind.OFFER, ConsentKind.RECEIVED]
        assert wallet.present(request)
        assert wallet.verify(held.id, trust=scene.trust, agree=agree).uses
        assert len(kinds) == 2


@clause("IP-36")
def test_it_stays_not_verified_while_nobody_can_say_or_when_the_person_says_no(tmp_path):
    scene = Scene()
    with wallet_in(tmp_path, scene) as wallet:
        held = scene.accept_while_it_goes_away(wallet)
        trust = scene.trust
        scene.registry.away = ("recognition",)
        with pytest.raises(UndeterminedError):
            wallet.verify(held.id, trust=trust)
        scene.registry.away = ()
        with pytest.raises(WalletError, match="stays as not verified yet"):
            wallet.verify(held.id, trust=trust, agree=lambda _: False)
        assert wallet.credentials() == (held,)


@clause("IP-36")
def test_one_that_is_rejected_later_is_never_shown(tmp_path):
    scene = Scene(by_a_stranger)
    with wallet_in(tmp_path, scene) as wallet:
        held = scene.accept_while_it_goes_away(wallet)
        with pytest.raises(RejectedError, match="issuer_signature"):
            wallet.verify(held.id, trust=scene.trust)
        assert wallet.credentials() == (held,)
        with pytest.raises(WalletError, match="not verified yet"):
            wallet.show(held.id, disclose=["name"])


@clause("IP-36")
def test_a_verified_one_answers_before_one_that_is_not_verified_yet(tmp_path):
    scene = Scene()
    request = ask("name", vct=scene.world.template.vct)
    with wallet_in(tmp_path, scene) as wallet:
        waiting = scene.accept_while_it_goes_away(wallet)
        scene.setting.office.before = lambda: None
        ready = scene.accept(wallet)
        assert [held for held, _ in wallet.answers(request)] == [ready]
        assert wallet.present(request)
        assert wallet.credential(waiting.id).uses == ()
        assert wallet.credential(ready.id).uses


@clause("IP-36")
def test_keeping_it_again_verified_counts_and_never_the_other_way_round(tmp_path):
    scene = Scene()
    with wallet_in(tmp_path, scene) as wallet:
        held = scene.accept_while_it_goes_away(wallet)
        assert wallet.add(held.text, unverified=True).unverified
        assert not wallet.add(held.text).unverified
        assert not wallet.add(held.text, unverified=True).unverified


@clause("IP-33", "IP-36")
def test_contents_from_before_there_was_the_word_are_read_as_verified(tmp_path):
    scene = Scene()
    with wallet_in(tmp_path, scene) as wallet:
        scene.accept_while_it_goes_away(wallet)
        contents = wallet._contents
    assert decode_contents(encode_contents(contents)).credentials == contents.credentials
    written = json.loads(encode_contents(contents))
    del written["awaited"]
    for one in written["credentials"]:
        assert one.pop("unverified") is True
        assert one.pop("batch")
    old = decode_contents(json.dumps(written).encode()).credentials
    assert [one.text for one in old] == [one.text for one in contents.credentials]
    assert not any(one.unverified or one.batch for one in old)


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
