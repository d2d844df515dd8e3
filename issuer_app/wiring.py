"""The services of one application, put together in `create_app` and found by routes here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from flask import current_app

if TYPE_CHECKING:
    from issuer_app.services.accounts import Accounts
    from issuer_app.services.api_tokens import ApiTokens
    from issuer_app.services.audit import AuditLog
    from issuer_app.services.authorizations import Authorizations
    from issuer_app.services.batch_pages import BatchPages
    from issuer_app.services.batches import Batches
    from issuer_app.services.certificates import Certificates
    from issuer_app.services.decisions import Decisions
    from issuer_app.services.home import Home
    from issuer_app.services.offers import Offers
    from issuer_app.services.readiness import Readiness
    from issuer_app.services.status_lists import StatusLists
    from issuer_app.services.templates import Templates
    from issuer_app.services.w3c_credentials import W3cCredentials
    from issuer_app.services.w3c_statuses import W3cStatuses
    from issuer_app.services.wallet_endpoints import WalletEndpoints
    from issuer_app.settings import Settings
    from issuer_app.web.throttle import Throttle

KEY: Final = "issuer_app"


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a route may call."""

    settings: Settings
    organisation_name: str
    accounts: Accounts
    audit: AuditLog
    home: Home
    templates: Templates
    batches: Batches
    batch_pages: BatchPages
    certificates: Certificates
    decisions: Decisions
    offers: Offers
    status_lists: StatusLists
    wallets: WalletEndpoints
    authorizations: Authorizations
    readiness: Readiness
    sign_in_throttle: Throttle
    token_throttle: Throttle
    api_tokens: ApiTokens
    api_throttle: Throttle
    w3c: W3cCredentials
    w3c_statuses: W3cStatuses | None
    wake: Callable[[], None]
    """Tells the job that there is work."""


def services() -> Services:
    """Return the services of the running application."""
    return cast("Services", current_app.extensions[KEY])
