"""Issuing W3C credentials and their status lists with an issuer's key, under the same rules.

Clauses WC-40 … WC-42 of specs/w3c-profile.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from weid.clock import Clock, format_time
from weid.credential.duration import Duration
from weid.credential.status_list import StatusList
from weid.credential.template import CredentialTemplate
from weid.encoding import JsonObject
from weid.registry.author import Author
from weid.registry.operations import PublishStatusList
from weid.registry.registry import Registry
from weid.w3c.bitstring import StatusEntry, list_document
from weid.w3c.create import JCS, Securing, SigningKey, credential_document, sign_credential

_LIST_VALIDITY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class W3cIssuing:
    """Signs W3C credentials of published templates; made by `Issuer.w3c`."""

    key: SigningKey
    author: Author
    registry: Registry
    clock: Clock

    def issue(
        self,
        template: CredentialTemplate,
        claims: JsonObject,
        *,
        holder: str | None,
        status: Sequence[StatusEntry] = (),
        valid_for: timedelta | Duration | None = None,
        securing: Securing = JCS,
    ) -> str:
        """Return a signed credential: JSON with an eddsa-jcs-2022 proof, or a `vc+jwt`.

        `holder` is the DID of the person it is about. All of it is shown whenever it is presented:
        a template's claim that must always be withheld cannot stand in it.

        Raises:
            MalformedError: claims that do not conform or cannot stand in this format, or a
                validity past what the template allows.
        """
        now = self.clock.now()
        document = credential_document(
            template,
            claims,
            issuer=self.key.did,
            holder=holder,
            issued_at=now,
            expires_at=template.expires_at(now, valid_for),
            status=status,
        )
        return sign_credential(document, self.key, created=now, securing=securing)

    def publish_list(
        self,
        template: CredentialTemplate,
        statuses: StatusList,
        *,
        uri: str,
        purpose: str,
        valid_for: timedelta = _LIST_VALIDITY,
        securing: Securing = JCS,
    ) -> str:
        """Put a list's digest into the registry where it is another; return the signed list.

        The caller serves the text at `uri` and keeps the list. Its form in the registry is that of
        a Token Status List with the same statuses.

        Raises:
            MalformedError: too few entries, or another purpose than revocation or suspension.
            TransactionRejectedError: the registry refuses.
        """
        now = self.clock.now()
        document = list_document(
            statuses,
            uri=uri,
            issuer=self.key.did,
            purpose=purpose,
            valid_from=format_time(now),
            valid_until=format_time(now + int(valid_for.total_seconds())),
        )
        record = self.registry.status_list(self.key.did, uri)
        if record is None or record.digest != statuses.digest:
            self.author.submit(
                PublishStatusList(
                    uri,
                    template.cpt_id,
                    statuses.bits,
                    statuses.size,
                    1 if record is None else record.sequence + 1,
                    statuses.digest,
                )
            )
        return sign_credential(document, self.key, created=now, securing=securing)
