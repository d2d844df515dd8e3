"""Signing certificates: for keys known in a batch, and for the wallet that redeems an offer.

A certificate's status index was reserved before; signing it again after a crash uses the same one.
A wallet that proves several keys gets a copy for each, with salts and an index of its own; all are
signed in one write, or none.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from issuer_app.errors import MissingError
from issuer_app.services.agency import Agency, NewCredential
from issuer_app.services.audit import AuditLog
from issuer_app.services.certificates import Certificates
from issuer_app.services.configurations import has_chain
from issuer_app.services.people import wallet_person
from issuer_app.services.status_lists import StatusLists
from issuer_app.services.templates import Templates
from issuer_app.store.database import Database, Row, new_id
from weid.clock import Clock
from weid.crypto.keys import PublicKey
from weid.encoding import json_dumps
from weid.errors import CertificateError, ProtocolError, RegistryError
from weid.openid4vci.events import WalletNotice

SALT_BYTES: Final = 16
"""Salt of an anchor's leaf (128 bits)."""
_NOTICES: Final = {
    "credential_accepted": "accepted",
    "credential_failure": "not_kept",
    "credential_deleted": "deleted",
}
"""What a wallet tells → what the timeline calls it."""
_AUDITED: Final = {"tx_code_wrong", "offer_dead", "code_used_again", "key_refused"}


@dataclass(frozen=True, slots=True)
class SignedCopy:
    """A credential for one key; `id` is that of the certificate or of a copy of it."""

    id: str
    text: str = field(repr=False)


class Signing:
    """Signs for one organisation and writes down what was signed."""

    def __init__(  # noqa: PLR0913 - the services that a signature passes
        self,
        database: Database,
        audit: AuditLog,
        agency: Agency,
        certificates: Certificates,
        templates: Templates,
        *,
        status_lists: StatusLists,
        clock: Clock,
    ) -> None:
        self._database = database
        self._audit = audit
        self._agency = agency
        self._certificates = certificates
        self._templates = templates
        self._status_lists = status_lists
        self._clock = clock

    def redeem(
        self,
        certificate_id: str,
        configuration_id: str,
        holder_keys: Sequence[PublicKey],
        *,
        issuance_id: str,
        is_open: Callable[[str], bool] = lambda _issuance_id: True,
    ) -> list[SignedCopy]:
        """Return the credentials of an offered certificate, one for each key that proved itself.

        The configuration says whether they are signed with the agency's certificate chain or under
        its DID. The same keys asking again get the same credentials. The first takes the place that
        was reserved for the certificate; each further one a place of its own, at random. The first
        issuance that gets one gets those of the other configurations too, and no other issuance
        gets any (IP-78): one citizen has them all. `is_open` says, when nobody else can write any
        more, whether the issuance was not withdrawn meanwhile.

        Raises:
            ProtocolError: the certificate is not in force any more, or belongs to other keys or to
                another issuance; or no place can be had now.
        """
        keys = {json_dumps(key.to_jwk()).decode(): key for key in holder_keys}
        status_list = self._list_of_copies(certificate_id, len(keys))
        with self._database.write():
            row = self._row(certificate_id)
            if row["status"] != "valid" or not is_open(issuance_id):
                raise ProtocolError("credential_request_denied", "it is not available any more")
            if row["state"] == "signed" and row["issuance_id"] != issuance_id:
                raise ProtocolError("credential_request_denied", "it was given to another offer")
            signed = self._signed(row, configuration_id)
            if not signed:
                self._sign_all(
                    {**row, "issuance_id": issuance_id}, configuration_id, keys, status_list
                )
                signed = self._signed(self._row(certificate_id), configuration_id)
            elif set(signed) != set(keys):
                raise ProtocolError("credential_request_denied", "it is for another key")
        return [signed[jwk] for jwk in keys]

    def _row(self, certificate_id: str) -> Row:
        row = self._database.first(
            "SELECT certificates.*, uri, cpt_id FROM certificates"
            " JOIN status_lists ON status_lists.id = list_id"
            " WHERE certificates.id = ? AND certificates.organisation = ?",
            (certificate_id, self._agency.organisation),
        )
        if row is None:
            raise MissingError("no such certificate")
        return row

    def _signed(self, row: Row, configuration_id: str) -> dict[str, SignedCopy]:
        """Return what was signed for a configuration, by the key that it is for."""
        found = {}
        # Certificates of older versions name no configuration: there was one only.
        if row["state"] == "signed" and row["configuration_id"] in (None, configuration_id):
            found[str(row["holder_jwk"])] = SignedCopy(row["id"], row["credential"])
        for copy in self._database.query(
            "SELECT id, holder_jwk, credential FROM copies"
            " WHERE certificate_id = ? AND configuration_id = ?",
            (row["id"], configuration_id),
        ):
            found[copy["holder_jwk"]] = SignedCopy(copy["id"], copy["credential"])
        return found

    def _list_of_copies(self, certificate_id: str, count: int) -> Row | None:
        """Return the list in which copies get their places; it may have to be published first."""
        row = self._row(certificate_id)
        if count == 1 and row["state"] == "offered":
            return None
        try:
            return self._status_lists.list_for(row["cpt_id"])
        except RegistryError:
            raise ProtocolError(
                "temporarily_unavailable", "the registry does not answer", status=503
            ) from None

    def _sign_all(
        self,
        row: Row,
        configuration_id: str,
        keys: Mapping[str, PublicKey],
        status_list: Row | None,
    ) -> None:
        remaining = dict(keys)
        chained = has_chain(configuration_id)
        if row["state"] == "offered":
            holder_jwk = next(iter(remaining))
            own = (row["uri"], row["list_index"])
            text = self._sign(row, remaining.pop(holder_jwk), own, with_chain=chained)
            self._database.execute(
                "UPDATE certificates SET state = 'signed', holder_jwk = ?, credential = ?,"
                " anchor_salt = ?, signed_at = ?, configuration_id = ?, issuance_id = ?,"
                " version = version + 1 WHERE id = ?",
                (
                    holder_jwk,
                    text,
                    secrets.token_bytes(SALT_BYTES),
                    self._clock.now(),
                    configuration_id,
                    row["issuance_id"],
                    row["id"],
                ),
            )
        if remaining and status_list is None:
            # Somebody else took the certificate's own place since we looked.
            raise ProtocolError("temporarily_unavailable", "ask again", status=503)
        if remaining and status_list is not None:
            places = self._status_lists.reserve(status_list, len(remaining))
            for (holder_jwk, key), place in zip(remaining.items(), places, strict=True):
                text = self._sign(row, key, (status_list["uri"], place), with_chain=chained)
                self._keep_copy(row, configuration_id, holder_jwk, (status_list["id"], place), text)
        self._database.execute(
            "UPDATE offers SET redeemed_at = ? WHERE certificate_id = ?",
            (self._clock.now(), row["id"]),
        )
        person = wallet_person(self._agency.organisation)
        self._certificates.note_event(person, row["id"], "signed")
        self._audit.record(person, "offer_redeemed", row["id"], certificates=len(keys))

    def _keep_copy(
        self, row: Row, configuration_id: str, holder_jwk: str, place: tuple[str, int], text: str
    ) -> None:
        self._database.insert(
            "copies",
            {
                "id": new_id(),
                "organisation": self._agency.organisation,
                "certificate_id": row["id"],
                "configuration_id": configuration_id,
                "holder_jwk": holder_jwk,
                "list_id": place[0],
                "list_index": place[1],
                "credential": text,
                "anchor_salt": secrets.token_bytes(SALT_BYTES),
                "signed_at": self._clock.now(),
            },
        )

    def _sign(
        self, row: Row, holder_key: PublicKey, place: tuple[str, int], *, with_chain: bool
    ) -> str:
        new = NewCredential(
            self._templates.own_view(row["template_id"]).template,
            json.loads(row["claims"]),
            holder_key,
            *place,
            with_chain=with_chain,
        )
        try:
            return self._agency.sign(new)
        except CertificateError:
            # The chain has ended since the offer was made; the offer holds for the next one.
            raise ProtocolError(
                "credential_request_denied", "it cannot be signed with a certificate now"
            ) from None

    def observe(self, event: str, issuance_id: str) -> None:
        """Write attempts to misuse an offer into the audit log."""
        if event not in _AUDITED:
            return
        with self._database.write():
            self._audit.record(
                wallet_person(self._agency.organisation),
                f"offer_{event}",
                self._certificate_of(issuance_id),
            )

    def observe_notice(self, notice: WalletNotice) -> None:
        """Write what a wallet tells into the certificate's timeline."""
        certificate_id = self._certificate_of(notice.issuance_id)
        if not certificate_id:
            return
        with self._database.write():
            self._certificates.note_event(
                wallet_person(self._agency.organisation),
                certificate_id,
                _NOTICES[notice.event],
                note=notice.description,
            )

    def _certificate_of(self, issuance_id: str) -> str:
        found = self._database.value(
            "SELECT certificate_id FROM offers WHERE issuance_id = ? AND organisation = ?",
            (issuance_id, self._agency.organisation),
        )
        return str(found or "")
