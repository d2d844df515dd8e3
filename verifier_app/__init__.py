"""The verifier's web face: ask, scan, see one of four outcomes. It stores nothing.

`create_app` (app.py) is the application, `build` (wiring.py) puts it together from settings,
`serve.py` starts it.
"""
