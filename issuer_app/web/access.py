"""Who may call what: one table for every route; a route that is not in it is closed."""

from __future__ import annotations

from typing import Final

from issuer_app.services.people import Role

_O, _P, _U, _A = Role.OFFICER, Role.APPROVER, Role.AUDITOR, Role.ADMIN
EVERYONE: Final = frozenset(Role)

PUBLIC: Final = frozenset(
    {
        "static",
        "sign_in.show",
        "sign_in.sign_in",
        "language.choose",
        "health.live",
        "health.ready",
        "status_lists.show",
        "openid4vci.issuer_metadata",
        "openid4vci.server_metadata",
        "openid4vci.web_metadata",
        "openid4vci.offer",
        "openid4vci.token",
        "openid4vci.nonce",
        "openid4vci.credential",
        "openid4vci.push",
        "openid4vci.challenge",
        "openid4vci.deferred_credential",
        "openid4vci.notification",
        "authorization.begin",
        "authorization.show",
        "authorization.answer",
    }
)
"""Routes for anybody."""

MACHINES: Final = frozenset(
    {
        "openid4vci.token",
        "openid4vci.nonce",
        "openid4vci.credential",
        "openid4vci.push",
        "openid4vci.challenge",
        "openid4vci.deferred_credential",
        "openid4vci.notification",
    }
)
"""POST routes that wallets call without a cookie: no form token, no Origin."""

UPLOADS: Final = frozenset({"batches.upload", "templates.publish", "api.check", "api.upload"})
"""Routes that take a file; every other body is bounded to a form's size."""

API: Final[dict[str, frozenset[Role]]] = {
    "api.me": EVERYONE,
    "api.templates": EVERYONE,
    "api.check": frozenset({_O}),
    "api.upload": frozenset({_O}),
    "api.batches": frozenset({_O, _P}),
    "api.batch": frozenset({_O, _P}),
    "api.leave_out": frozenset({_O}),
    "api.discard": frozenset({_O}),
    "api.issue": frozenset({_O}),
    "api.approve": frozenset({_P}),
    "api.return_": frozenset({_P}),
    "api.offers": frozenset({_O}),
    "api.certificates": frozenset({_O, _P}),
    "api.certificate": frozenset({_O, _P}),
    "api.change": frozenset({_O}),
    "api.offer": frozenset({_O}),
    "api.renew": frozenset({_O}),
    "api.next_offer": frozenset({_O}),
    "api.decisions": frozenset({_O, _P}),
    "api.decide": frozenset({_O, _P}),
}
"""Routes for programs: an API token instead of a cookie, hence no form token and no Origin."""

SWITCHED: Final[dict[str, frozenset[Role]]] = {
    "vc_api.issue": frozenset({_O}),
    "vc_api.status": frozenset({_O}),
}
"""Routes for programs that exist only where a setting says so; a token opens them as well."""

SWITCHED_PUBLIC: Final = frozenset({"vc_api.status_list"})
"""Routes for everybody that exist only where a setting says so."""

ROLES: Final[dict[str, frozenset[Role]]] = {
    "sign_in.sign_out": EVERYONE,
    "home.show": EVERYONE,
    "templates.list_all": EVERYONE,
    "templates.show": EVERYONE,
    "templates.empty_file": frozenset({_O, _P, _A}),
    "templates.publish": frozenset({_A}),
    "batches.list_all": frozenset({_O, _P}),
    "batches.new": frozenset({_O}),
    "batches.upload": frozenset({_O}),
    "batches.show": frozenset({_O, _P}),
    "batches.progress": frozenset({_O, _P}),
    "batches.error_file": frozenset({_O}),
    "batches.leave_out": frozenset({_O}),
    "batches.discard": frozenset({_O}),
    "batches.send": frozenset({_O}),
    "batches.approve": frozenset({_P}),
    "batches.return_": frozenset({_P}),
    "batches.offer_file": frozenset({_O}),
    "certificates.list_all": frozenset({_O, _P}),
    "certificates.show": frozenset({_O, _P}),
    "certificates.change": frozenset({_O}),
    "certificates.confirm": frozenset({_O}),
    "certificates.offer": frozenset({_O}),
    "certificates.renew": frozenset({_O}),
    "certificates.decide": frozenset({_O, _P}),
    "certificates.paper": frozenset({_O}),
    "audit.show": frozenset({_U, _A}),
    "audit.check": frozenset({_U, _A}),
    "audit.export": frozenset({_U, _A}),
    "users.list_all": frozenset({_A}),
    "users.add": frozenset({_A}),
    "users.disable": frozenset({_A}),
}
"""Route → roles that may call it."""
