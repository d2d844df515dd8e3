"""Signing W3C credentials that are sent whole: for the W3C's test suites, and nothing else.

No template and no approval stand behind them, so that the switch is off in service and every
signature stands in the audit log. Clauses WC-60 and WC-63 … WC-65 of specs/w3c-profile.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from issuer_app.errors import PausedError
from issuer_app.services.agency import Agency
from issuer_app.services.audit import AuditLog
from issuer_app.services.people import Person
from issuer_app.services.w3c_statuses import W3cStatuses
from issuer_app.store.database import Database
from weid.clock import Clock
from weid.encoding import JsonObject, json_canonical, json_loads_object
from weid.errors import CryptoError, MalformedError
from weid.w3c.create import sign_credential
from weid.w3c.data_model import W3cCredential
from weid.w3c.terms import Contexts
from weid.w3c.vocabulary import SUITE_CONTEXTS

_CONTEXTS: Final = Contexts(SUITE_CONTEXTS)


class W3cCredentials:
    """Signs what officers' programs send; `form` is the setting `vc_api`.

    Without `statuses` nothing that is signed can be revoked.
    """

    def __init__(  # noqa: PLR0913 - what a signature passes
        self,
        agency: Agency,
        audit: AuditLog,
        database: Database,
        *,
        form: str,
        statuses: W3cStatuses | None,
        clock: Clock,
        paused: Callable[[], bool] = lambda: False,
    ) -> None:
        self._agency = agency
        self._audit = audit
        self._database = database
        self._form = form
        self._statuses = statuses
        self._clock = clock
        self._paused = paused

    def issue(self, person: Person, body: bytes) -> JsonObject:
        """Return the `credential` of a request, signed.

        Raises:
            PausedError: issuing is paused (IP-66).
            MalformedError: it is none of VCDM 2.0, another issuer's, or cannot be signed.
            RegistryError: it needs a new status list, and the registry does not take it now.
        """
        if self._paused():
            raise PausedError("issuing is paused")
        asked = json_loads_object(body, what="the request's body")
        credential = asked.get("credential")
        if not isinstance(credential, dict):
            raise MalformedError("the request has no credential")
        key = self._agency.signing_key(as_did_key=self._form == "key")
        document = {"issuer": key.did, **credential}
        if "proof" in document:
            raise MalformedError("the credential has a proof already")
        W3cCredential.parse(document, _CONTEXTS)
        if self._statuses is not None and "credentialStatus" not in document:
            document = {**document, "credentialStatus": self._statuses.entries(document)}
        try:
            text = sign_credential(document, key, created=self._clock.now())
        except CryptoError as error:
            raise MalformedError(error.message) from None
        signed = json_loads_object(text, what="the signed credential")
        digest = hashlib.sha256(json_canonical(signed)).hexdigest()
        with self._database.write():
            self._audit.record(person, "w3c_credential_signed", digest[:32])
        return signed
