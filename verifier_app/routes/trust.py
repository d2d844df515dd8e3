"""What this counter trusts, and how old its knowledge is."""

from __future__ import annotations

from flask import Blueprint, current_app, g, render_template

pages = Blueprint("trust", __name__, url_prefix="/trust")


@pages.get("/")
def page() -> str:
    """List networks, their state and age, and the recognized issuers."""
    view = current_app.extensions["trust_view"]
    return render_template("trust.html", networks_seen=view.networks(g.words, g.language))
