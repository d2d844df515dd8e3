"""Is this a key with which this issuer could sign at that time?

One answer for credentials and for status list tokens. Clauses VF-12, VF-21, VF-34 and VF-40 … VF-44
of specs/verification.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from weid import limits
from weid.clock import format_time
from weid.credential.issuer_chain import MEMBER, read_issuer_chain
from weid.crypto.keys import PublicKey
from weid.did.syntax import DidUrl, parse_weid_did
from weid.encoding import JsonObject
from weid.errors import CertificateError, CryptoError, MalformedError
from weid.registry.operations import KeyPurpose
from weid.registry.records import DidRecord, RegisteredKey
from weid.verification.context import Context, IssuerInRegistry
from weid.verification.finding import failed, undetermined
from weid.verification.policy import ListedIssuer
from weid.verification.reasons import Reason, reason

if TYPE_CHECKING:
    from weid.crypto.certificates import CertificateChain

_WEID = "did:weid:"
_HOUR = 3600


@lru_cache(maxsize=4096)
def parse_key(multicodec: bytes) -> PublicKey:
    """Return a registered key as a value; the same bytes are parsed once."""
    return PublicKey.from_multicodec(multicodec)


@lru_cache(maxsize=4096)
def _parse_key_id(kid: str) -> tuple[str, str]:
    url = DidUrl.parse(kid)
    if not url.fragment or url.query:
        raise MalformedError("kid is not the DID URL of a key")
    return str(url.did), url.fragment


def key_fragment(kid: object, *, issuer: str) -> str:
    """Return the fragment of a `kid` that must be a DID URL of the issuer."""
    if not isinstance(kid, str):
        raise failed("key_id_malformed")
    try:
        did, fragment = _parse_key_id(kid)
    except MalformedError:
        raise failed("key_id_malformed") from None
    if did != issuer:
        raise failed("key_id_of_another")
    return fragment


@dataclass(frozen=True, slots=True)
class ClaimedKey:
    """The key that a header says signed: the issuer's DID, the key's name in it, and its chain.

    `chain` is None where `kid` names the key.
    """

    issuer: str
    fragment: str
    chain: CertificateChain | None

    def check(self, key: PublicKey, *, signed_at: int, context: Context) -> None:
        """Require that a chain, where there is one, is of the key that the registry has (VF-41)."""
        chain = self.chain
        if chain is None:
            return
        if chain.public_key != key:
            raise failed("chain_key_other")
        policy = context.policy
        if not chain.is_in_force(signed_at, leeway=policy.leeway):
            raise failed("chain_not_in_force")
        trusted = policy.certificate_authorities
        if trusted and not (
            chain.is_in_force(context.now, leeway=policy.leeway)
            and chain.leads_to(trusted, context.now, leeway=policy.leeway)
        ):
            raise failed("chain_not_trusted")


def claimed_key(header: JsonObject, *, issuer: str | None) -> ClaimedKey:
    """Return which key a header names, by `kid` or by `x5c` (VF-21, VF-40).

    `issuer` is who must be meant; None leaves that to the chain.
    """
    if MEMBER not in header:
        if issuer is None:
            raise failed("issuer_malformed")
        return ClaimedKey(issuer, key_fragment(header.get("kid"), issuer=issuer), None)
    try:
        named = read_issuer_chain(header, issuer=issuer)
    except CertificateError as error:
        if error.fault == "malformed":
            raise failed("chain_malformed", problem=error.message) from None
        raise failed(f"chain_{error.fault}") from None
    return ClaimedKey(str(named.url.did), named.url.fragment, named.chain)


def find_trust(issuer: str, context: Context) -> IssuerInRegistry | ListedIssuer:
    """Return how the policy trusts an issuer: through a registry network, or by listing."""
    if not issuer.startswith(_WEID):
        listed = context.policy.listed(issuer)
        if listed is None:
            raise failed("did_method_not_trusted")
        return listed
    try:
        name, _ = parse_weid_did(issuer)
    except MalformedError:
        raise failed("issuer_malformed") from None
    found = find_network(name, context)
    if found is None:
        raise failed("network_not_trusted")
    return found


def find_network(name: str, context: Context) -> IssuerInRegistry | None:
    """Return how a network is trusted, with its present head; None where it is not."""
    network = context.policy.networks.get(name)
    if network is None:
        return None
    answers = context.known.answers(network.reader)
    head = answers.head()
    if context.now - head.time > network.refuse_after:
        raise undetermined("registry_too_old", age=age_text(context.now - head.time))
    parameter = answers.get("lag", lambda: network.reader.parameter("max_time_lag"))
    lag = limits.MAX_TIME_LAG if parameter is None else parameter.value
    return IssuerInRegistry(name, network, answers, head, lag)


def age_warnings(trust: IssuerInRegistry, context: Context) -> tuple[Reason, ...]:
    """Return a warning where the registry state is older than the policy likes."""
    age = context.now - trust.head.time
    if age <= trust.network.warn_after:
        return ()
    return (reason("registry_state_old", age=age_text(age)),)


def age_text(seconds: int) -> str:
    """Return an age in words that are right to about a tenth."""
    if seconds < 2 * _HOUR:
        return f"{seconds} s"
    hours = seconds // _HOUR
    return f"{hours} hours" if hours < 72 else f"{hours // 24} days"


def find_record(issuer: str, trust: IssuerInRegistry) -> DidRecord:
    """Return the issuer's record in its registry."""
    reader = trust.network.reader
    record = trust.answers.get(("did", issuer), lambda: reader.did(issuer))
    if record is None:
        raise failed("issuer_unknown")
    return record


def check_active(
    record: DidRecord, signed_at: int, trust: IssuerInRegistry, context: Context
) -> None:
    """Require that the issuer is active, or was when it signed where the policy takes that."""
    ended = record.deactivated_at
    if ended is None:
        return
    before = signed_at <= ended + trust.lag
    if not (before and context.policy.accept_deactivated_issuers):
        raise failed("issuer_deactivated", time=format_time(ended))


def find_registered_key(
    record: DidRecord, fragment: str, *, signed_at: int, lag: int
) -> RegisteredKey:
    """Return the assertion key of a DID that was in force at a time.

    Header times of blocks lag behind the clock, so that each bound of the key's window is widened
    by the network's lag.
    """
    if signed_at < record.created - lag:
        raise failed("issued_before_registration", time=format_time(record.created))
    key = next((key for key in record.keys if key.id == fragment), None)
    if key is None:
        raise failed("key_unknown")
    if KeyPurpose.ASSERTION not in key.purposes:
        raise failed("key_purpose_wrong")
    if signed_at < key.valid_from - lag:
        raise failed("key_not_yet_valid", time=format_time(key.valid_from))
    if key.retired_at is not None and signed_at > key.retired_at + lag:
        raise failed("key_retired", time=format_time(key.retired_at))
    return key


def public_key_of(key: RegisteredKey) -> PublicKey:
    """Return the public key of a registered key."""
    try:
        return parse_key(key.multikey)
    except (CryptoError, MalformedError):
        raise failed("key_unusable") from None
