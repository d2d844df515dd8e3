"""weid: decentralized identity and selectively disclosable credentials, anchored in a registry.

The public names; nothing is defined here. Each is imported when it is first used, so that
`import weid` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weid.clock import Clock, FixedClock, SystemClock
    from weid.credential.credential import Credential, IssuanceAnchor
    from weid.credential.template import CredentialTemplate
    from weid.crypto.key_file import load_key_file, save_key_file
    from weid.crypto.keys import KeyKind, PrivateKey, PublicKey
    from weid.crypto.signer import InMemorySigner, Signer
    from weid.errors import RejectedError, UndeterminedError, VerificationError, WeidError
    from weid.holder import Holder
    from weid.issuer import Issuer, IssueRow
    from weid.registry.http_client import HttpRegistry
    from weid.registry.plain import PlainRegistry
    from weid.registry.trust_bundle import TrustBundle
    from weid.verification.policy import ListedIssuer, TrustedNetwork, TrustPolicy
    from weid.verification.presentation import VerifiedPresentation
    from weid.verification.presentation_policy import PresentationPolicy
    from weid.verification.report import Conclusion, Outcome, Verdict, VerificationReport
    from weid.verification.request import PresentationRequest
    from weid.verifier import Verifier
    from weid.wallet.wallet import Wallet

_HOMES = {
    "weid.clock": ("Clock", "FixedClock", "SystemClock"),
    "weid.credential.credential": ("Credential", "IssuanceAnchor"),
    "weid.credential.template": ("CredentialTemplate",),
    "weid.crypto.key_file": ("load_key_file", "save_key_file"),
    "weid.crypto.keys": ("KeyKind", "PrivateKey", "PublicKey"),
    "weid.crypto.signer": ("InMemorySigner", "Signer"),
    "weid.errors": ("RejectedError", "UndeterminedError", "VerificationError", "WeidError"),
    "weid.holder": ("Holder",),
    "weid.issuer": ("IssueRow", "Issuer"),
    "weid.registry.http_client": ("HttpRegistry",),
    "weid.registry.plain": ("PlainRegistry",),
    "weid.registry.trust_bundle": ("TrustBundle",),
    "weid.verification.policy": ("ListedIssuer", "TrustPolicy", "TrustedNetwork"),
    "weid.verification.presentation": ("VerifiedPresentation",),
    "weid.verification.presentation_policy": ("PresentationPolicy",),
    "weid.verification.report": ("Conclusion", "Outcome", "Verdict", "VerificationReport"),
    "weid.verification.request": ("PresentationRequest",),
    "weid.verifier": ("Verifier",),
    "weid.wallet.wallet": ("Wallet",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Clock",
    "Conclusion",
    "Credential",
    "CredentialTemplate",
    "FixedClock",
    "Holder",
    "HttpRegistry",
    "InMemorySigner",
    "IssuanceAnchor",
    "IssueRow",
    "Issuer",
    "KeyKind",
    "ListedIssuer",
    "Outcome",
    "PlainRegistry",
    "PresentationPolicy",
    "PresentationRequest",
    "PrivateKey",
    "PublicKey",
    "RejectedError",
    "Signer",
    "SystemClock",
    "TrustBundle",
    "TrustPolicy",
    "TrustedNetwork",
    "UndeterminedError",
    "Verdict",
    "VerificationError",
    "VerificationReport",
    "VerifiedPresentation",
    "Verifier",
    "Wallet",
    "WeidError",
    "load_key_file",
    "save_key_file",
]


def __getattr__(name: str) -> Any:
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'weid' has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
