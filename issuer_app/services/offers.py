"""Offers: one for each certificate that waits for a wallet; shown, listed, made anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from issuer_app.errors import ConflictError, InputRefusedError, Problem
from issuer_app.rows.files import write_csv
from issuer_app.services.audit import AuditLog
from issuer_app.services.batch_pages import BatchPages
from issuer_app.services.certificates import Certificates
from issuer_app.services.configurations import configuration_name, without_chain
from issuer_app.services.people import Person
from issuer_app.services.wallet_endpoints import FoundOffer, OfferWish, WalletEndpoints
from issuer_app.settings import Settings
from issuer_app.store.database import Database, Row
from weid.clock import Clock, format_time
from weid.errors import MalformedError
from weid.qr.draw import draw_svg
from weid.qr.envelope import encode_envelope

_NEXT: Final = """
SELECT certificates.id FROM certificates
JOIN offers ON certificate_id = certificates.id
JOIN templates ON templates.id = template_id
WHERE certificates.organisation = ?1 AND cpt_id || '_' || template_version = ?2
  AND certificates.state = 'offered' AND certificates.status = 'valid' AND generation = 1
  AND certificates.id NOT IN (SELECT subject FROM audit_entries
    WHERE organisation = ?1 AND action = 'offer_shown')
  AND batch_id NOT IN (SELECT subject FROM audit_entries
    WHERE organisation = ?1 AND action = 'offers_downloaded')
ORDER BY reserved_at, batch_id, row_number LIMIT 1
"""
"""Organisation, name of a configuration → the oldest certificate whose offer nobody has seen."""


@dataclass(frozen=True, slots=True)
class ShownOffer:
    """An offer as it is handed out; `uri` and `picture` are empty when it has to be made anew.

    `tx_code` is what the citizen gets by another way and types on our page (`by_page`) or in the
    wallet; empty where none is asked for. Where it `needs_decision`, a person decides when the
    wallet has come. `configurations` are what it offers; `choices` what could be offered now.
    """

    uri: str
    picture: Markup
    expires_at: int
    tx_code: str = ""
    by_page: bool = False
    needs_decision: bool = False
    configurations: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


class Offers:
    """Opens, shows and lists offers."""

    def __init__(  # noqa: PLR0913 - the services that an offer passes
        self,
        database: Database,
        audit: AuditLog,
        batches: BatchPages,
        certificates: Certificates,
        wallets: WalletEndpoints,
        *,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._database = database
        self._audit = audit
        self._batches = batches
        self._certificates = certificates
        self._wallets = wallets
        self._lifetime = settings.offer_minutes * 60
        self._clock = clock

    def open(self, organisation: str, certificate_id: str, configuration_id: str) -> None:
        """Make the first offer of a certificate, of every copy, inside the caller's write."""
        issuance_id = self._wallets.open_offer(
            self._wallets.configurations_of(configuration_id),
            certificate_id,
            generation=1,
            lifetime=self._lifetime,
        )
        self._database.insert(
            "offers",
            {
                "certificate_id": certificate_id,
                "organisation": organisation,
                "generation": 1,
                "issuance_id": issuance_id,
                "expires_at": self._clock.now() + self._lifetime,
            },
        )

    def shown(self, person: Person, certificate_id: str, *, label: str = "QR code") -> ShownOffer:
        """Return a certificate's offer with its picture; `label` is what a screen reader says.

        Raises:
            ConflictError: the certificate is signed already, or not in force.
        """
        offer = self._offer(person, certificate_id)
        found = self._find(offer)
        uri = found.uri
        with self._database.write():
            self._audit.record(person, "offer_shown", certificate_id)
        picture = Markup(draw_svg(uri, label=label)) if uri else Markup()  # noqa: S704 - ours
        return ShownOffer(
            uri,
            picture,
            offer["expires_at"],
            found.tx_code,
            found.by_page,
            needs_decision=bool(offer["decision"]),
            configurations=found.configurations,
            choices=self._choices(offer),
        )

    def _choices(self, offer: Row) -> tuple[str, ...]:
        name = configuration_name(offer["cpt_id"], offer["template_version"])
        return self._wallets.configurations_of(name)

    def _offer(self, person: Person, certificate_id: str) -> Row:
        certificate = self._certificates.find(person, certificate_id)
        offer = self._database.first(
            "SELECT offers.*, cpt_id, template_version FROM offers"
            " JOIN certificates ON certificates.id = certificate_id"
            " JOIN templates ON templates.id = template_id"
            " WHERE certificate_id = ? AND offers.organisation = ?",
            (certificate_id, person.organisation),
        )
        if offer is None or certificate["state"] != "offered" or certificate["status"] != "valid":
            raise ConflictError("this certificate has no offer any more", Problem("offer_gone"))
        return offer

    def _find(self, offer: Row) -> FoundOffer:
        if offer["expires_at"] <= self._clock.now():
            return FoundOffer("")
        found = self._wallets.find_offer(
            offer["certificate_id"],
            generation=offer["generation"],
            issuance_id=offer["issuance_id"],
        )
        return found or FoundOffer("")

    def renew(self, person: Person, certificate_id: str, wish: OfferWish | None = None) -> None:
        """Make a certificate's offer anew, as the officer chooses; the one before is dead.

        Raises:
            InputRefusedError: a configuration that cannot be offered of it now.
            ConflictError: the certificate is signed already, or not in force.
        """
        wish = wish or OfferWish()
        with self._database.write():
            offer = self._offer(person, certificate_id)
            choices = self._choices(offer)
            if not set(wish.configurations) <= set(choices):
                raise InputRefusedError(Problem("copy_unknown", "configurations"))
            self._wallets.close_offer(offer["issuance_id"])
            generation = offer["generation"] + 1
            issuance_id = self._wallets.open_offer(
                [name for name in choices if name in (wish.configurations or choices)],
                certificate_id,
                generation=generation,
                lifetime=self._lifetime,
                wish=wish,
            )
            self._database.execute(
                "UPDATE offers SET generation = ?, issuance_id = ?, expires_at = ?, made_by = ?,"
                " decision = ?, asked_at = NULL, decided_at = NULL, decided_by = ''"
                " WHERE certificate_id = ?",
                (
                    generation,
                    issuance_id,
                    self._clock.now() + self._lifetime,
                    person.id,
                    "needed" if wish.needs_decision else "",
                    certificate_id,
                ),
            )
            action = "offer_for_decision" if wish.needs_decision else "offer_renewed"
            self._audit.record(person, action, certificate_id)

    def renew_next(self, person: Person, wish: OfferWish) -> str:
        """Make the offer of the next certificate anew as wished, and return the certificate's id.

        It is the oldest one of the template of `wish.configurations` whose offer nobody has seen,
        taken or made anew: each call gives another one, and no citizen's offer dies by it.

        Raises:
            InputRefusedError: no configuration, or one that cannot be offered now.
            ConflictError: there is none left.
        """
        if not wish.configurations:
            raise InputRefusedError(Problem("copy_unknown", "configurations"))
        name = without_chain(wish.configurations[0])
        with self._database.write():
            found = self._database.first(_NEXT, (person.organisation, name))
            if found is None:
                raise ConflictError("no certificate is left to offer", Problem("offer_none"))
            certificate_id = str(found["id"])
            self.renew(person, certificate_id, wish)
        return certificate_id

    def of_batch(self, person: Person, batch_id: str) -> list[Row]:
        """Return the open offers of a batch: certificate, row, holder, link, until when."""
        self._batches.find(person, batch_id)
        rows = self._database.query(
            "SELECT offers.*, row_number, label FROM offers"
            " JOIN certificates ON certificates.id = certificate_id"
            " WHERE batch_id = ? AND offers.organisation = ? AND certificates.state = 'offered'"
            " AND certificates.status = 'valid' ORDER BY row_number",
            (batch_id, person.organisation),
        )
        with self._database.write():
            self._audit.record(person, "offers_downloaded", batch_id, offers=len(rows))
        return [self._handed_out(row) for row in rows]

    def _handed_out(self, row: Row) -> Row:
        found = self._find(row)
        # A column of its own, where offers have codes: they must not travel together.
        code = {"tx_code": found.tx_code} if found.tx_code else {}
        return {
            "certificate": row["certificate_id"],
            "row": row["row_number"],
            "holder": row["label"],
            "offer": found.uri,
            **code,
            "valid_until": format_time(row["expires_at"]),
        }

    def file_of_batch(self, person: Person, batch_id: str) -> bytes:
        """Return the open offers of a batch as CSV, with the codes where there are any."""
        offers = self.of_batch(person, batch_id)
        code = ("tx_code",) if any("tx_code" in offer for offer in offers) else ()
        columns = ("row", "holder", "offer", *code, "valid_until")
        return write_csv(columns, ([str(offer.get(c, "")) for c in columns] for offer in offers))

    def paper_picture(self, person: Person, certificate_id: str, *, label: str) -> Markup:
        """Return the code of a paper form; empty where the certificate does not fit one code.

        `label` is what a screen reader says of it.
        """
        certificate = self._certificates.find(person, certificate_id)
        if certificate["form"] != "paper" or not certificate["credential"]:
            raise ConflictError("this certificate has no paper form", Problem("paper_missing"))
        with self._database.write():
            self._audit.record(person, "paper_shown", certificate_id)
        try:
            code = encode_envelope(certificate["credential"], paper=True)
            return Markup(draw_svg(code, label=label))  # noqa: S704 - drawn by us
        except MalformedError:
            return Markup()
