"""Uploaded files: from bytes that may be anything to rows with findings; no store, no HTTP."""

import os

# openpyxl takes lxml for its XML where that is installed, past the guards of defusedxml.
os.environ["OPENPYXL_LXML"] = "False"
