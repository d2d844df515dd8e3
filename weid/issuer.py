"""The issuer: registers itself, publishes templates, issues, revokes.

`Issuer` holds who signs and where it writes. Keys are the caller's: they come in as signers, or,
when `register` made them, are handed back to be saved. To issue, it must be recognized for the
template: before that the registry takes no status list of it, and no verifier what it signed.
Clauses VF-50 … VF-54 of specs/verification.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, timedelta, tzinfo
from typing import TYPE_CHECKING, Final

from weid import limits
from weid.clock import Clock, SystemClock
from weid.credential.credential import Credential
from weid.credential.duration import Duration
from weid.credential.issuer_chain import require_chain_of
from weid.credential.status_list import StatusReference
from weid.credential.template import CredentialTemplate
from weid.crypto.keys import PublicKey, RandomBytes
from weid.crypto.signer import InMemorySigner, Signer
from weid.encoding import JsonObject
from weid.errors import CertificateError, MalformedError, NotFoundError
from weid.issuing.issuance import IssueRow, Run, check_rows, sign_rows
from weid.issuing.issuer_keys import IssuerKeys
from weid.issuing.status_lists import (
    IssuerStatusLists,
    Status,
    StatusListSettings,
    StatusTokenHost,
)
from weid.issuing.status_store import MemoryStatusStore, StatusStore
from weid.issuing.w3c_issuing import W3cIssuing
from weid.registry.author import Author, KeyToAdd, create_did
from weid.registry.operations import AnchorBatch, NameOrganisation, PublishTemplate
from weid.registry.records import TemplateRecord
from weid.registry.registry import Registry
from weid.w3c.create import SigningKey

if TYPE_CHECKING:
    from weid.crypto.certificates import CertificateChain

__all__ = ["ASSERTION_KEY", "IssueRow", "Issuer", "IssuerKeys"]

CONTROL_KEY: Final = "control-1"
ASSERTION_KEY: Final = "assertion-1"
_PURPOSE: Final = "issuance"


class Issuer:
    """An issuer at work.

    Made by `register` or `open`. `keys` are the private keys that `register` made, for the caller
    to save; None where the caller brought signers. `chain` is the certificate chain of the signer's
    key, for credentials and status lists that wallets of HAIP 1.0 take (VF-46). `zone` is its time
    zone: the day that it is there decides what claims like `age_over_18` say.

    Raises:
        CertificateError: the chain is of another key or name, or not in force now.
    """

    def __init__(  # noqa: PLR0913 - who signs, where it is written and kept
        self,
        *,
        author: Author,
        signer: Signer,
        registry: Registry,
        key_id: str = ASSERTION_KEY,
        keys: IssuerKeys | None = None,
        status_settings: StatusListSettings | None = None,
        status_store: StatusStore | None = None,
        chain: CertificateChain | None = None,
        clock: Clock | None = None,
        zone: tzinfo = UTC,
        random: RandomBytes = secrets.token_bytes,
    ) -> None:
        self.did = author.did
        self.keys = keys
        self._author = author
        self._signer = signer
        self._registry = registry
        self._kid = f"{author.did}#{key_id}"
        self._clock: Clock = clock or SystemClock()
        self._random = random
        self._chain = chain
        self.zone = zone
        if chain is not None:
            require_chain_of(chain, self._kid, signer.public_key, now=self._clock.now())
        self._lists = IssuerStatusLists(
            kid=self._kid,
            signer=signer,
            author=author,
            registry=registry,
            store=status_store or MemoryStatusStore(),
            settings=status_settings or _served_by(registry, author.did),
            clock=self._clock,
            chain=chain,
            random=random,
        )

    # --- Beginning -------------------------------------------------------------------------------

    @classmethod
    def register(  # noqa: PLR0913 - each is an option of its own
        cls,
        name: str,
        *,
        registry: Registry,
        keys: IssuerKeys | None = None,
        endorser: Author | None = None,
        status_base_uri: str | None = None,
        status_settings: StatusListSettings | None = None,
        status_store: StatusStore | None = None,
        clock: Clock | None = None,
        zone: tzinfo = UTC,
        random: RandomBytes = secrets.token_bytes,
    ) -> Issuer:
        """Register a new DID with a key to control it and a key to sign with, and name it.

        `endorser` is who co-signs for an author without a role; `status_base_uri` is the https
        address below which the program serves its status lists (`status_settings` says more).
        Save `issuer.keys` at once: without them the DID is lost.

        Raises:
            TransactionRejectedError: the registry refuses, for example without an endorser.
        """
        clock = clock or SystemClock()
        keys = keys or IssuerKeys.generate(random=random)
        signer = InMemorySigner(keys.assertion)
        did, author = create_did(
            registry,
            [InMemorySigner(keys.control)],
            clock=clock,
            keys=[KeyToAdd(ASSERTION_KEY, signer)],
            endorser=endorser,
            random=random,
        )
        author.submit(NameOrganisation(did, name))
        if status_settings is None and status_base_uri is not None:
            status_settings = StatusListSettings(base_uri=status_base_uri, host=_host_of(registry))
        return cls(
            author=author,
            signer=signer,
            registry=registry,
            keys=keys,
            status_settings=status_settings,
            status_store=status_store,
            clock=clock,
            zone=zone,
            random=random,
        )

    @classmethod
    def open(  # noqa: PLR0913 - each is an option of its own
        cls,
        did: str,
        *,
        control: Signer,
        assertion: Signer,
        registry: Registry,
        key_id: str = ASSERTION_KEY,
        endorser: Author | None = None,
        status_base_uri: str | None = None,
        status_settings: StatusListSettings | None = None,
        status_store: StatusStore | None = None,
        chain: CertificateChain | None = None,
        clock: Clock | None = None,
        zone: tzinfo = UTC,
        random: RandomBytes = secrets.token_bytes,
    ) -> Issuer:
        """Return an issuer that is registered, with its signers.

        Raises:
            NotFoundError: the registry has no such DID, or it has no such assertion key.
            CertificateError: the chain is of another key or name, or not in force now.
        """
        clock = clock or SystemClock()
        record = registry.did(did)
        registered = None
        if record is not None:
            registered = next((key for key in record.keys if key.id == key_id), None)
        if registered is None or registered.multikey != assertion.public_key.to_multicodec():
            raise NotFoundError(f"the registry does not have this signer as {key_id} of the DID")
        if status_settings is None and status_base_uri is not None:
            status_settings = StatusListSettings(base_uri=status_base_uri, host=_host_of(registry))
        return cls(
            author=Author(did, {CONTROL_KEY: control}, registry, clock, endorser=endorser),
            signer=assertion,
            registry=registry,
            key_id=key_id,
            status_settings=status_settings,
            status_store=status_store,
            chain=chain,
            clock=clock,
            zone=zone,
            random=random,
        )

    @property
    def author(self) -> Author:
        """Who signs this issuer's transactions."""
        return self._author

    @property
    def status_lists(self) -> IssuerStatusLists:
        """This issuer's status lists, to publish and to serve."""
        return self._lists

    @property
    def w3c(self) -> W3cIssuing:
        """Issuing credentials of the W3C form with the same key."""
        key = SigningKey(self.did, self._kid, self._signer)
        return W3cIssuing(key, self._author, self._registry, self._clock)

    # --- Templates -------------------------------------------------------------------------------

    def publish(self, template: CredentialTemplate) -> CredentialTemplate:
        """Publish a draft as the next version of its template; return the published template.

        A draft whose newest version says the same already is not published again.

        Raises:
            TransactionRejectedError: the registry refuses, for example another's template.
        """
        newest = self._newest(template.cpt_id)
        network = self._registry.network
        if newest is not None:
            same = template.for_network(network, newest.template_version)
            if same.digest == newest.digest and newest.deactivated_at is None:
                return same
        version = 1 if newest is None else newest.template_version + 1
        published = template.for_network(network, version)
        self._author.submit(PublishTemplate(template.cpt_id, version, published.document))
        return published

    def _newest(self, cpt_id: str) -> TemplateRecord | None:
        newest = None
        version = 1
        while (record := self._registry.template(cpt_id, version)) is not None:
            newest, version = record, version + 1
        return newest

    # --- Issuing ---------------------------------------------------------------------------------

    def issue(
        self,
        template: CredentialTemplate,
        claims: JsonObject,
        *,
        holder_key: PublicKey | None,
        valid_for: timedelta | Duration | None = None,
        with_chain: bool = False,
    ) -> Credential:
        """Issue one credential, with its status index and its anchor.

        `holder_key` is the holder's public key; None makes a credential that anyone may hold.
        `with_chain` signs it with the certificate chain in the place of the DID: a second copy, of
        its own salts and status, for wallets that want one. It fits no QR code.

        Raises:
            RowsRefusedError: the claims do not conform, the key is refused, or the validity is
                past what the template allows.
            CertificateError: `with_chain`, and there is none, or it is not in force any more.
            NotFoundError: the template is not published here, or no more issued.
            TransactionRejectedError: the registry refuses the status list or the anchor.
        """
        row = IssueRow(claims=claims, holder_key=holder_key, valid_for=valid_for)
        return self.issue_batch(template, [row], with_chain=with_chain)[0]

    def issue_batch(
        self, template: CredentialTemplate, rows: Iterable[IssueRow], *, with_chain: bool = False
    ) -> tuple[Credential, ...]:
        """Issue many credentials with one anchor; nothing is signed unless every row is good.

        Raises:
            MalformedError: no row, or more than a batch takes.
            CertificateError: `with_chain`, and there is none, or it is not in force any more.
            RowsRefusedError: which rows are refused and why.
            NotFoundError: the template is not published here, or no more issued.
            TransactionRejectedError: the registry refuses the status list or the anchor.
        """
        every = tuple(rows)
        if not 0 < len(every) <= limits.BATCH_ROWS:
            raise MalformedError(f"a batch has 1 to {limits.BATCH_ROWS} rows")
        self._check_published(template)
        now = self._clock.now()
        chain = self._chain_at(now) if with_chain else None
        check_rows(template, every, issued_at=now, zone=self.zone)
        references = self._lists.reserve(template.cpt_id, len(every))
        run = Run(template, self.did, self._kid, self._signer, now, self._random, chain, self.zone)
        root, issued = sign_rows(run, every, references)
        self._author.submit(AnchorBatch(root, len(issued), _PURPOSE))
        return issued

    def _chain_at(self, now: int) -> CertificateChain:
        if self._chain is None:
            raise CertificateError(
                "the issuer has no certificate chain to sign with",
                "malformed",
                hint="Open the issuer with the chain of its key: `weid key certificate`, "
                "`weid key request`.",
            )
        self._chain.check_in_force(now)
        return self._chain

    def _check_published(self, template: CredentialTemplate) -> None:
        record = self._registry.template(template.cpt_id, template.version)
        named = template.network == self._registry.network
        if record is None or not named or record.digest != template.digest:
            raise NotFoundError(
                f"the registry does not have this version of the template {template.cpt_id}",
                hint="Publish it, and issue with the template that publishing returns.",
            )
        if record.deactivated_at is not None:
            raise NotFoundError(
                f"version {template.version} of the template {template.cpt_id} is no longer issued",
                hint="Issue with a newer version.",
            )

    # --- Afterwards ------------------------------------------------------------------------------

    def revoke(self, *credentials: Credential | StatusReference, publish: bool = True) -> None:
        """Revoke credentials, for ever."""
        self._change(credentials, Status.REVOKED, publish=publish)

    def suspend(self, *credentials: Credential | StatusReference, publish: bool = True) -> None:
        """Suspend credentials until they are reinstated.

        Raises:
            MalformedError: one of them is revoked, which is final.
        """
        self._change(credentials, Status.SUSPENDED, publish=publish)

    def reinstate(self, *credentials: Credential | StatusReference, publish: bool = True) -> None:
        """Make suspended credentials valid again.

        Raises:
            MalformedError: one of them is revoked, which is final.
        """
        self._change(credentials, Status.VALID, publish=publish)

    def publish_status(self) -> None:
        """Publish every list that changed and renew every token; to be called at least daily."""
        self._lists.publish_all()

    def status(self, credential: Credential | StatusReference) -> Status:
        """Return the status that this issuer keeps for a credential."""
        return self._lists.status(_reference(credential))

    def _change(
        self,
        credentials: tuple[Credential | StatusReference, ...],
        status: Status,
        *,
        publish: bool,
    ) -> None:
        changes = {_reference(credential): status for credential in credentials}
        self._lists.change(changes)
        if publish:
            for uri in dict.fromkeys(reference.uri for reference in changes):
                self._lists.publish(uri)


def _reference(credential: Credential | StatusReference) -> StatusReference:
    if isinstance(credential, StatusReference):
        return credential
    reference = credential.status_reference
    if reference is None:
        raise NotFoundError("the credential names no status list")
    return reference


def _host_of(registry: Registry) -> StatusTokenHost | None:
    return registry if isinstance(registry, StatusTokenHost) else None


def _served_by(registry: Registry, did: str) -> StatusListSettings:
    """Return settings under which the registry in this process serves the lists itself."""
    host = _host_of(registry)
    if host is None:
        raise ValueError("say where status lists are served: status_base_uri or status_settings")
    # The name is never looked up: RFC 2606 keeps .invalid for that.
    return StatusListSettings(
        base_uri=f"https://status.invalid/{did.rpartition(':')[2]}", host=host
    )
