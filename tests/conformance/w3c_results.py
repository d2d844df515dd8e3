"""What becomes of each published vector of the W3C side: run, and written down by set.

`results()` gives a row for each vector: the set, the id, the outcome and why. The tests beside this
module assert the same outcomes, so that a page made of these rows says what the tests say.
Outcomes: `passes` (we do what the vector expects) and `not done` (with the reason, told plainly);
anything else is a fault, and fails its test.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.conformance.published import FOLDER
from weid.crypto.keys import PrivateKey, PublicKey
from weid.crypto.signer import InMemorySigner
from weid.errors import WeidError
from weid.w3c.bitstring import decode_bitstring, encode_bitstring
from weid.w3c.data_integrity import JCS, hash_data, sign_config, split_proofs, verify_proof
from weid.w3c.data_model import W3cCredential, W3cPresentation
from weid.w3c.jose import create_jose
from weid.w3c.secured import read_credential, read_presentation
from weid.w3c.terms import Contexts

PASSES = "passes"
NOT_DONE = "not done"
WRONG = "wrong"
HAS_RDF = find_spec("pyld") is not None
"""Whether the extra 'w3c' is installed, without which eddsa-rdfc-2022 is not verified."""

NOT_DONE_VECTORS = {
    "w3c/Ed25519Signature2020": "the suite before Data Integrity; the file calls it optional",
    "jose/2": "ES384: our keys are Ed25519 and P-256",
    "jose/4": "ES512: our keys are Ed25519 and P-256",
    "jose/7": "ES384: our keys are Ed25519 and P-256",
}
"""What vectors expect to succeed and we do not do, each with its reason."""

REMARKS = {"jose/9": "refused for its algorithm (ES512), before anything else is looked at"}
"""What to know of a vector that passes."""


@dataclass(frozen=True)
class VectorSet:
    """A set of vectors: its file, the test that runs it, and how one of them is run."""

    name: str
    file: str
    test: str
    run: Callable[[Any], bool]
    """Returns whether it succeeds; an error of ours is a refusal."""
    belongs: Callable[[Any], bool]


def published_contexts() -> Contexts:
    """Return the contexts of the vectors' folder."""
    folder = Path(FOLDER or "") / "contexts"
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    table = {url: json.loads((folder / name).read_text("utf-8")) for url, name in index.items()}
    return Contexts(table)


def run_data_integrity(vector: Any) -> bool:
    """Verify every proof; where intermediate values are given, reach each of them too."""
    contexts = published_contexts()
    document, proofs = split_proofs(vector["document"])
    W3cCredential.parse(document, contexts)
    for proof in proofs:
        key = PublicKey.from_multikey(proof.key_id.partition("#")[2])
        verify_proof(document, proof, key, others=proofs, contexts=contexts)
    steps = vector.get("intermediate")
    if steps is None:
        return True
    hashed = hash_data(vector["unsigned"], steps["proof_config"], contexts=contexts)
    return hashed.hex() == steps["combined_hash_hex"] and _made_again(vector, steps)


def _made_again(vector: Any, steps: Any) -> bool:
    """Sign again what we sign ourselves: Ed25519 gives the same bytes."""
    if vector["cryptosuite"] != JCS:
        return True
    seed = PrivateMultikey(vector["key"]["privateKeyMultibase"]).seed
    signer = InMemorySigner(PrivateKey.from_seed(seed))
    made = sign_config(vector["unsigned"], steps["proof_config"], signer=signer)
    return bool(made["proofValue"] == steps["proof_value"])


@dataclass(frozen=True)
class PrivateMultikey:
    """A private Multikey of a vector (prefix 0x8026)."""

    text: str

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes."""
        from weid.encoding import base58_decode

        return base58_decode(self.text[1:], what="the vector's key", max_chars=60)[2:]


def run_bitstring(vector: Any) -> bool:
    """Decode; where statuses are given, have these and no others, and encode them again."""
    bits = vector["statusSize"]
    statuses = decode_bitstring(vector["encodedList"], bits=bits)
    if "set" not in vector:
        return True
    on = [index for index in range(statuses.size) if statuses.get(index)]
    again = decode_bitstring(encode_bitstring(statuses), bits=bits)
    return on == vector["set"] and statuses.size == vector["length"] and again == statuses


def run_jose(vector: Any) -> bool:
    """Issue or verify as the vector's function says, with the vector's key."""
    contexts = published_contexts()
    presentation = vector["feature"].startswith("presentation")
    parse = W3cPresentation.parse if presentation else W3cCredential.parse
    if vector["fn"] == "issue":
        parse(vector["input"], contexts)
        signer = InMemorySigner(PrivateKey.from_jwk(vector["key"]["secretKeyJwk"]))
        typ = "vp+jwt" if presentation else "vc+jwt"
        create_jose(vector["input"], typ=typ, key_id=vector["key"]["id"], signer=signer)
        return True
    given = vector["input"]
    text = given if isinstance(given, str) else json.dumps(given)
    secured = (read_presentation if presentation else read_credential)(text, contexts)
    parse(secured.document, contexts)
    for signature in secured.signatures:
        signature.verify(PublicKey.from_jwk(vector["key"]["publicKeyJwk"]))
    return True


_TEST = "tests/conformance/test_w3c_vectors.py::"
SETS = (
    VectorSet(
        "W3C vc-di-eddsa",
        "vc-di-eddsa.json",
        f"{_TEST}test_data_integrity",
        run_data_integrity,
        lambda _vector: True,
    ),
    VectorSet(
        "Bitstring Status List 1.0",
        "status-lists.json",
        f"{_TEST}test_bitstring_lists",
        run_bitstring,
        lambda vector: vector["kind"] == "bitstring",
    ),
    VectorSet(
        "W3C vc-jose-cose, JOSE part",
        "vc-jose-cose.json",
        f"{_TEST}test_jose",
        run_jose,
        lambda vector: vector["feature"].endswith("_jose"),
    ),
)
LEFT_OUT = {
    "W3C vc-jose-cose, SD-JWT part": "W3C credentials in vc+sd-jwt: SD-JWT VC is our format for that",
    "W3C vc-jose-cose, COSE part": "COSE is not done",
}
"""Parts of the published files that are not run, each with its reason."""


def vectors_of(one: VectorSet) -> list[Any]:
    """Return the vectors of a set; none without the folder."""
    if not FOLDER:
        return []
    found = json.loads((Path(FOLDER) / one.file).read_text(encoding="utf-8"))["vectors"]
    return [vector for vector in found if one.belongs(vector)]


def expected_success(vector: Any) -> bool:
    """Return whether a vector expects success; those of lists say so only where they do not."""
    expected = vector.get("expected", {"valid": True})
    return expected == "success" if isinstance(expected, str) else bool(expected["valid"])


def outcome(one: VectorSet, vector: Any) -> str:
    """Run a vector and return what came of it."""
    try:
        succeeded = one.run(vector)
    except WeidError:
        succeeded = False
    if succeeded == expected_success(vector):
        return PASSES
    return NOT_DONE if reason(vector) and not succeeded else WRONG


def reason(vector: Any) -> str:
    """Return why a vector is not done; empty where nothing stands in its way."""
    if needs_rdf(vector) and not HAS_RDF:
        return "eddsa-rdfc-2022 needs the extra 'w3c' (PyLD), which is not installed here"
    return NOT_DONE_VECTORS.get(vector["id"], "")


def needs_rdf(vector: Any) -> bool:
    """Return whether a vector has a proof of eddsa-rdfc-2022."""
    return "eddsa-rdfc-2022" in json.dumps(vector.get("document", ""))


def results() -> Iterator[tuple[str, str, str, str]]:
    """Give (set, id, outcome, reason or remark) of every vector."""
    for one in SETS:
        for vector in vectors_of(one):
            found = outcome(one, vector)
            yield one.name, vector["id"], found, _told(vector, found)


def _told(vector: Any, found: str) -> str:
    return reason(vector) if found == NOT_DONE else REMARKS.get(vector["id"], "")
