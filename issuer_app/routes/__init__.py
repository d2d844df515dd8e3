"""Thin routes: read the request, call one service, answer with a page or a redirect.

A view is at most twelve lines and knows no registry, no key and no database.
"""

from __future__ import annotations

from flask import Flask

from issuer_app.routes import (
    api,
    audit,
    authorization,
    batches,
    certificates,
    health,
    home,
    language,
    openid4vci,
    sign_in,
    status_lists,
    templates,
    users,
    vc_api,
)

_ALL = (
    api,
    audit,
    authorization,
    batches,
    certificates,
    health,
    home,
    language,
    openid4vci,
    sign_in,
    status_lists,
    templates,
    users,
)


def install_routes(app: Flask, *, with_vc_api: bool = False) -> None:
    """Register every route; `web/access.py` says who may call it."""
    for module in (*_ALL, vc_api) if with_vc_api else _ALL:
        app.register_blueprint(module.pages)
