"""`create_app`: the one place where this application's stores, clocks and services are built."""

from __future__ import annotations

import hashlib
import hmac
import logging
from typing import Final

from flask import Flask

from issuer_app.routes import install_routes
from issuer_app.services.accounts import Accounts, Passwords, SessionLimits
from issuer_app.services.agency import Agency
from issuer_app.services.anchoring import Anchoring
from issuer_app.services.api_tokens import ApiTokens
from issuer_app.services.audit import AuditLog
from issuer_app.services.authorizations import Authorizations
from issuer_app.services.batch_pages import BatchPages
from issuer_app.services.batches import Batches
from issuer_app.services.certificates import Certificates
from issuer_app.services.decisions import Decisions
from issuer_app.services.home import Home
from issuer_app.services.issuing import Issuing
from issuer_app.services.job import Job
from issuer_app.services.offers import Offers
from issuer_app.services.protocol_sessions import StoredSessions
from issuer_app.services.readiness import Readiness
from issuer_app.services.signing import Signing
from issuer_app.services.status_lists import StatusLists
from issuer_app.services.templates import Templates
from issuer_app.services.w3c_credentials import W3cCredentials
from issuer_app.services.w3c_statuses import W3cStatuses
from issuer_app.services.wallet_endpoints import WalletEndpoints
from issuer_app.settings import Settings
from issuer_app.store.database import Database
from issuer_app.web.error_pages import install_error_pages
from issuer_app.web.headers import install_headers
from issuer_app.web.language import install_languages
from issuer_app.web.mount import install_mount
from issuer_app.web.pages import install_pages
from issuer_app.web.session import BrowserSession
from issuer_app.web.throttle import Throttle
from issuer_app.wiring import KEY, Services
from weid.clock import Clock, SystemClock
from weid.server_log import guard_server_log

_FORM_BYTES: Final = 64 * 1024
"""Room for the other fields of an upload."""


def create_app(
    settings: Settings,
    *,
    agency: Agency,
    database: Database,
    clock: Clock | None = None,
    start_job: bool = True,
) -> Flask:
    """Build the application of one issuing organisation.

    `agency` is that organisation with its keys and its registry; `database` is opened by the
    caller, who closes it. With `start_job` a background thread issues approved batches,
    republishes status lists and anchors; tests run `app.extensions[KEY + ".job"]` themselves.

    Raises:
        SettingsError: no session secret, or one that others may read; or a public address whose
            path cannot be told from our own.
    """
    clock = clock or SystemClock()
    secret_key = settings.secret_key()
    services, job = build_services(
        settings, agency=agency, database=database, clock=clock, secret_key=secret_key
    )
    app = Flask("issuer_app", static_folder="static", template_folder="templates")
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_bytes + _FORM_BYTES
    app.jinja_env.autoescape = True
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.extensions[KEY] = services
    app.extensions[f"{KEY}.job"] = job
    install_headers(app, secure=settings.secure)
    BrowserSession(settings, derive_secret(secret_key, "form")).install(app)
    install_languages(app, settings)
    install_pages(app)
    install_error_pages(app)
    install_routes(app, with_vc_api=settings.vc_api != "off")
    install_mount(app, settings.public_path)
    if start_job:
        job.start()
    return app


def derive_secret(secret_key: bytes, purpose: str) -> bytes:
    """Return a secret of 32 bytes for one purpose, from which the others cannot be found."""
    return hmac.new(secret_key, b"weid/issuer_app/" + purpose.encode(), hashlib.sha256).digest()


def build_services(
    settings: Settings, *, agency: Agency, database: Database, clock: Clock, secret_key: bytes
) -> tuple[Services, Job]:
    """Put the services together, lowest first."""
    organisation = agency.organisation
    checkpoint = settings.data_dir / "audit-heads.json"
    audit = AuditLog(database, clock=clock, checkpoint=checkpoint)
    limits = SessionLimits(settings.idle_minutes * 60, settings.session_hours * 3600)
    accounts = Accounts(
        database, audit, Passwords(settings.password_cost), clock=clock, sessions=limits
    )
    templates = Templates(database, audit, agency, clock=clock)
    pages = BatchPages(database)
    status_lists = StatusLists(database, audit, agency, settings=settings, clock=clock)
    anchoring = Anchoring(database, audit, agency, clock=clock)
    job = Job(audit, round_seconds=settings.anchor_seconds)
    certificates = Certificates(database, audit, clock=clock, on_change=job.wake)
    signing = Signing(
        database, audit, agency, certificates, templates, status_lists=status_lists, clock=clock
    )
    decisions = Decisions(database, audit, pages, certificates, clock=clock)
    wallets = WalletEndpoints(
        agency,
        signing,
        anchoring,
        templates,
        decisions=decisions,
        sessions=StoredSessions(
            database, organisation=organisation, kind="openid4vci", clock=clock
        ),
        settings=settings,
        secret=derive_secret(secret_key, "openid4vci"),
        clock=clock,
    )
    offers = Offers(database, audit, pages, certificates, wallets, settings=settings, clock=clock)
    issuing = Issuing(
        database,
        audit,
        agency,
        templates,
        status_lists=status_lists,
        offers=offers,
        anchoring=anchoring,
        clock=clock,
        paused=settings.pause_path.exists,
    )
    job.carry_out(
        ("issuing", issuing.run),
        ("status lists", status_lists.run),
        ("anchoring", anchoring.run),
        ("sessions", wallets.tidy),
    )
    made = W3cStatuses(
        database,
        audit,
        agency,
        status_lists,
        settings=settings,
        clock=clock,
        on_change=job.wake,
    )
    statuses = made if settings.vc_api_status else None
    services = Services(
        settings=settings,
        organisation_name=agency.name,
        accounts=accounts,
        audit=audit,
        home=Home(pages, certificates, anchoring, status_lists, decisions),
        templates=templates,
        batches=Batches(database, audit, templates, clock=clock),
        batch_pages=pages,
        certificates=certificates,
        decisions=decisions,
        offers=offers,
        status_lists=status_lists,
        wallets=wallets,
        authorizations=Authorizations(wallets),
        readiness=Readiness(database, agency, job, status_lists),
        sign_in_throttle=Throttle(per_minute=settings.sign_ins_per_minute, clock=clock),
        token_throttle=Throttle(per_minute=settings.tokens_per_minute, clock=clock),
        api_tokens=ApiTokens(database, audit, clock=clock),
        api_throttle=Throttle(per_minute=settings.api_calls_per_minute, clock=clock),
        w3c=W3cCredentials(
            agency,
            audit,
            database,
            form=settings.vc_api,
            statuses=statuses,
            clock=clock,
            paused=settings.pause_path.exists,
        ),
        w3c_statuses=statuses,
        wake=job.wake,
    )
    return services, job


def quiet_logs() -> None:
    """Log to stderr, one line each, without request lines: they hold identifiers of citizens."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    guard_server_log()
