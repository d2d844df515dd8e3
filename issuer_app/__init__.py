"""The web application of an issuing agency: from a file of rows to certificates in wallets.

`create_app` (app.py) wires it, `serve.py` starts it. Routes translate HTTP and nothing else;
what people do is in `services`; what is kept is in `store`; what is uploaded is read in `rows`.
"""
