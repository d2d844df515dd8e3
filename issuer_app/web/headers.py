"""Security headers of every answer, set in one place.

Pages of people are never stored; only what carries `weid_cacheable` (status lists, static files)
may be cached. No inline script or style exists, so the policy allows none.
"""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, g, request

_CONTENT_POLICY: Final = "; ".join(  # noqa: FLY002 - one directive for each line
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": _CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "X-Permitted-Cross-Domain-Policies": "none",
}
_FOR_WALLETS_IN_BROWSERS: Final = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, DPoP, OAuth-Client-Attestation,"
    " OAuth-Client-Attestation-PoP",
    "Access-Control-Expose-Headers": "DPoP-Nonce, OAuth-Client-Attestation-Challenge,"
    " WWW-Authenticate, Retry-After",
}
# no-referrer would make browsers send "Origin: null" with our own forms.
_PAGE_REFERRER: Final = "same-origin"
_PUBLIC_MACHINE_ROUTES: Final = ("openid4vci.", "status_lists.", "vc_api.status_list")


def install_headers(app: Flask, *, secure: bool) -> None:
    """Set the headers on every response, errors and static files included."""

    @app.after_request
    def set_headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers[name] = value
        target = g.get("form_target")
        if target:
            response.headers["Content-Security-Policy"] = _CONTENT_POLICY.replace(
                "form-action 'self'", f"form-action 'self' {target}"
            )
        machine = (request.endpoint or "").startswith(_PUBLIC_MACHINE_ROUTES)
        response.headers["Referrer-Policy"] = "no-referrer" if machine else _PAGE_REFERRER
        if machine:
            # Wallets in browsers read these; they carry no cookie and change nothing by themselves.
            response.headers["Access-Control-Allow-Origin"] = "*"
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
            response.headers.update(_FOR_WALLETS_IN_BROWSERS)
        if request.endpoint == "static":
            response.headers["Cache-Control"] = "public, max-age=3600"
        elif "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        if secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        response.headers.pop("Server", None)
        return response
