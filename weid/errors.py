"""Every exception of weid, drawn as one tree; nothing else lives here.

    WeidError
    ├─ MalformedError             bytes or values are not what they claim to be
    │  ├─ NoCodeError                the picture shows no code that can be read
    │  ├─ SeveralCodesError          the picture shows more than one code
    │  └─ CertificateError           carries one word for what is wrong with the chain
    ├─ CryptoError
    │  ├─ UnsupportedAlgorithmError
    │  ├─ InvalidSignatureError
    │  └─ KeyFileError
    ├─ RegistryError
    │  ├─ NotFoundError
    │  ├─ TransactionRejectedError   carries the receipt
    │  ├─ RegistryUnavailableError
    │  │  └─ NodeBehindError            the node does not yet know what is known already
    │  └─ ProofError                 an answer is not proved, or its proof does not hold
    │     └─ UndecidableError           not believed, although no node need have lied
    │        └─ ForkError                  two histories, both signed by those who are trusted
    ├─ TransportError             a URL is refused or gives no answer that we take
    ├─ WalletError
    │  ├─ WrongPassphraseError
    │  ├─ WalletFileError            damaged, of another version, or in the way
    │  ├─ WalletInUseError           another process has it open
    │  ├─ CredentialNotHeldError
    │  │  └─ SeveralAnswerError        and a person has to say which
    │  └─ CannotDiscloseError
    ├─ IssuanceError
    │  ├─ RowsRefusedError           carries what is wrong with each row
    │  └─ StatusListFullError
    ├─ ProtocolError              carries an OAuth/OpenID4VC code and an HTTP status
    └─ VerificationError          carries the report
       ├─ RejectedError
       └─ UndeterminedError

Raise for our caller's mistake, a missing resource, a refused transaction; report what other
people sent (`VerificationReport`). Messages name what and where, never claim values or keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weid.registry.records import Receipt
    from weid.verification.report import VerificationReport


class WeidError(Exception):
    """Root of all our errors.

    `message` says what is wrong and where; `hint`, when there is one, says what to do next in
    words for a person. The command line and the pages print both.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class MalformedError(WeidError):
    """Bytes or a value are not what they claim to be; the message names what and where."""


class NoCodeError(MalformedError):
    """A picture shows no code, or none that can be read."""


class SeveralCodesError(MalformedError):
    """A picture shows more than one code: a person must say which is meant."""


class CryptoError(WeidError):
    """A key, a signature or a key file cannot be used."""


class UnsupportedAlgorithmError(CryptoError):
    """The algorithm or key type is not one that we accept in this place."""


class InvalidSignatureError(CryptoError):
    """The signature does not verify with the key."""


class CertificateError(MalformedError):
    """A certificate chain cannot be used.

    `fault` is one word for what is wrong: malformed, self_signed, broken, not_in_force,
    names_no_key, names_several, of_another, beside_key_id or key_other.
    """

    def __init__(self, message: str, fault: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.fault = fault


class KeyFileError(CryptoError):
    """A key file cannot be opened: damaged, of another version, or another passphrase."""


class RegistryError(WeidError):
    """The registry refused, did not answer, or answered without proof."""


class NotFoundError(RegistryError):
    """The registry proves that there is no such record."""


class TransactionRejectedError(RegistryError):
    """The registry refused a transaction; `receipt` says with which result code.

    `receipt` is None where the refusal came before the transaction could be recorded
    (undecodable, unsigned, another network); `code` is set in both cases.
    """

    def __init__(
        self, message: str, *, code: int, receipt: Receipt | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.receipt = receipt


class RegistryUnavailableError(RegistryError):
    """No answer can be had now: the network, a full disk, a node that is starting."""


class NodeBehindError(RegistryUnavailableError):
    """The node is at a lower height than what is known, or its newest block is too old."""


class ProofError(RegistryError):
    """An answer came without proof, or with a proof that does not hold."""


class UndecidableError(ProofError):
    """What is shown cannot be believed, although no node need have lied.

    What was remembered is too old to judge by, or this machine's clock is behind.
    """


class ForkError(UndecidableError):
    """The registry shows two histories, both signed by those who are trusted; none is believed."""


class TransportError(WeidError):
    """A URL cannot be asked.

    `refused` tells the two cases apart: True where the URL or the answer breaks a rule of ours
    (scheme, address, size), False where the network or the other side fails now.
    """

    def __init__(self, message: str, *, refused: bool = False, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.refused = refused


class WalletError(WeidError):
    """The wallet cannot do what was asked."""


class WrongPassphraseError(WalletError):
    """The passphrase does not open this wallet file."""


class WalletFileError(WalletError):
    """A wallet file is damaged, of a version that we do not know, or is where none may be."""


class WalletInUseError(WalletError):
    """Another process has the wallet open."""


class CredentialNotHeldError(WalletError):
    """No credential in the wallet answers the request."""


class SeveralAnswerError(CredentialNotHeldError):
    """More than one credential in the wallet answers the request: a person must say which."""


class CannotDiscloseError(WalletError):
    """A claim was named that the credential does not have, or does not let be chosen."""


class IssuanceError(WeidError):
    """The issuer cannot do what was asked."""


class RowsRefusedError(IssuanceError):
    """Rows that cannot be issued, for which nothing was signed.

    `faults` says of each such row, counted from 0, what is wrong: fields and rules, no values.
    """

    def __init__(
        self, message: str, *, faults: Mapping[int, tuple[str, ...]], hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.faults = dict(faults)


class StatusListFullError(IssuanceError):
    """The status list has fewer free indices than were asked for."""


class ProtocolError(WeidError):
    """A refusal on the wire: an OAuth or OpenID4VC error code and an HTTP status.

    The text that a stranger sees is `code` and `description`; `description` never helps guessing.
    """

    def __init__(
        self, code: str, description: str = "", *, status: int = 400, hint: str | None = None
    ) -> None:
        super().__init__(f"{code}: {description}" if description else code, hint=hint)
        self.code = code
        self.description = description
        self.status = status

    def to_reply(self) -> tuple[int, dict[str, str]]:
        """Return the HTTP status and the JSON body (RFC 6749 clause 5.2)."""
        body = {"error": self.code}
        if self.description:
            body["error_description"] = self.description
        return self.status, body


class VerificationError(WeidError):
    """A presentation was not accepted; `report` has the checks."""

    def __init__(
        self, message: str, *, report: VerificationReport, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.report = report


class RejectedError(VerificationError):
    """At least one check failed or is missing."""


class UndeterminedError(VerificationError):
    """Nothing failed, but a check could not be made now."""
