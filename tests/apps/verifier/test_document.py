"""What docs/verifiers.md tells to type fits the examples that come with it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from weid.credential.template import CredentialTemplate

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "verifiers.md").read_text(encoding="utf-8")


def test_its_requests_name_a_template_that_is_shipped_and_fields_that_it_has():
    requests = [
        *re.findall(r'request\("urn:weid:example:cpt:([a-z-]+):1", (.+)\)', PAGE),
        *re.findall(r"weid verifier request ([a-z-]+):1 ((?:[a-z_]+ )+)--", PAGE),
    ]
    assert len(requests) == 2
    for name, fields in requests:
        path = ROOT / "examples" / f"{name}.json"
        assert json.loads(path.read_text(encoding="utf-8"))["cpt_id"] == name
        template = CredentialTemplate.from_file(path)
        known = {".".join(map(str, claim.path)) for claim in template.claims}
        assert set(re.findall(r"[a-z_]+", fields)) <= known
