"""The verifier's web face: ask, scan, see one of four outcomes. It stores nothing."""

from verifier_app.app import create_app

__all__ = ["create_app"]
