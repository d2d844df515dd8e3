"""Vectors of the QR envelope (specs/qr.md): the dictionary, codes that decode, codes that do not.

DEFLATE lets every writer choose its own blocks, so a code made here is written in stored blocks,
which have one form; two codes of a real compressor were made once and stand below as they are.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Final

from weid.cbor import CborValue, cbor_encode
from weid.crypto.keys import PrivateKey
from weid.encoding import base58_encode, base64url_encode, json_dumps
from weid.qr.base45 import base45_encode
from weid.qr.dictionary import DICTIONARY_V1, DICTIONARY_V1_SHA256
from weid.qr.repack import take_apart

_NOTE: Final = "Synthetic data; keys are SHA-256 of their names."
_DID: Final = "did:weid:macau:" + base58_encode(b"\x01" + bytes(range(20)))
_STORED: Final = 0xFFFF


def _seeded(name: str, count: int = 32) -> bytes:
    return hashlib.sha256(name.encode("utf-8")).digest()[:count]


def _part(value: object) -> str:
    return base64url_encode(json_dumps(value))


def _jws(header: object, payload: object, key: PrivateKey) -> str:
    signed = f"{_part(header)}.{_part(payload)}"
    return f"{signed}.{base64url_encode(key.sign(signed.encode('ascii')))}"


def _digest(text: str) -> str:
    return base64url_encode(hashlib.sha256(text.encode("ascii")).digest())


_ISSUER: Final = PrivateKey.from_seed(_seeded("issuer"))
_HOLDER: Final = PrivateKey.from_seed(_seeded("holder"))
_CLAIMS: Final = {
    "name": "陳大文",
    "name_latin": "CHAN TAI MAN",
    "birthdate": "2000-01-31",
    "degree": "工商管理學士",
    "degree_foreign": "Licenciatura em Gestão de Empresas",
    "classification": "Merit",
}


def _credential(shown: tuple[str, ...], *, bound: bool) -> str:
    disclosures = {
        name: _part([base64url_encode(_seeded(name, 16)), name, value])
        for name, value in _CLAIMS.items()
    }
    payload: dict[str, object] = {
        "iss": _DID,
        "iat": 1_790_000_000,
        "exp": 1_821_536_000,
        "vct": "urn:weid:macau:cpt:university-diploma:1",
        "vct#integrity": "sha256-" + base64.b64encode(_seeded("template")).decode("ascii"),
    }
    if bound:
        payload["cnf"] = {"jwk": _HOLDER.public.to_jwk()}
    uri = "https://issuer.gov.example/status/3"
    payload["status"] = {"status_list": {"idx": 93_121, "uri": uri}}
    payload["certificate_no"] = "DIP-2026-00001"
    if bound:
        payload |= {"_sd": sorted(map(_digest, disclosures.values())), "_sd_alg": "sha-256"}
    header = {"alg": "EdDSA", "typ": "dc+sd-jwt", "kid": f"{_DID}#assertion-1"}
    return "~".join([_jws(header, payload, _ISSUER), *(disclosures[name] for name in shown), ""])


def _presentation() -> str:
    text = _credential(("name", "degree", "degree_foreign"), bound=True)
    binding = {
        "iat": 1_790_001_234,
        "aud": "https://counter.verifier.example",
        "nonce": base64url_encode(_seeded("nonce", 16)),
        "sd_hash": _digest(text),
    }
    return text + _jws({"alg": "EdDSA", "typ": "kb+jwt"}, binding, _HOLDER)


def _request() -> str:
    query = {
        "id": "credential",
        "format": "dc+sd-jwt",
        "meta": {"vct_values": ["urn:weid:macau:cpt:university-diploma:1"]},
        "claims": [{"path": ["name"]}, {"path": ["degree"]}],
    }
    request = {
        "response_type": "vp_token",
        "client_id": "https://counter.verifier.example",
        "nonce": base64url_encode(_seeded("nonce", 16)),
        "dcql_query": {"credentials": [query]},
    }
    return json_dumps(request).decode("utf-8")


TEXTS: Final[dict[str, Callable[[], str]]] = {
    "a presentation of three of six claims": _presentation,
    "a credential with all its claims": lambda: _credential(tuple(_CLAIMS), bound=True),
    "a credential for paper": lambda: _credential((), bound=False),
    "a request": _request,
}
COMPRESSED: Final = {
    "a presentation of three of six claims": (
        "WI1:1YT:ZL1TK38C6I6II263EBH08BG2WNUJKMHMS5BL6D$L45K9JUC/U0Z+OW8WICMG%6UQO6$1MZSP2112"
        "TME5.6DSKCWZ7WTBVEGTTJDIIQ$5Z01OGIWPEO%SX61K5BGP94C1K59-HGD%4 6Q8-V%NPT5DMSRLICVWIZJ"
        "6L4UWQU*M7Y%U8FL5 0O82A:8%*F26345889A.T36MEJH48E3-MMB+HSZ9NDQ880Y GNO1N9DF*A.I1HXF3H"
        "0V50X507H0QS00+0J61%H1CT1V+15726K2C3SZF2Z%UX F/SHBKFFGJ%KFCF6YNKKRBOVS77ONGISDM.88CQ"
        "N7GEV10D-3SPK$-9N3II$JY+B:.LB0C68N6OL.AC4K6G5W8*N$CP: JZTN88E-HM46DBISPCB8*G+PH$793%"
        "1C5LWTGV8N6Y21L2W+FI:7FOP$T0VRT76V1 1OQHQ7B8H6WYR%*R40LCQB*JF.EJV7PNLL8UC36OHINR.704"
        "Q8H237TD3JX K6V3 0L39G/S002F6H3G7RCPJRYRU62KQCJE44EPH1W4B9IIQIH15TQG2U0VNGVEC93H%JJ3"
        "D:SE/$L/EET/H-YJ4-U%3G9DM05NU1WLK16TK$7GKZR22GC 6X3KMF7$2KA41I*UDQNBKFBQD1VE%ULQFV%G"
        "OJBGDCVXX3LBHXV6ZHV%RRS07JIA.3BJXIO5GK70 8JRHJDCO.3S8MM5.R-7EHJ2%3VR.BFM74JOS+IL:S.4"
        "Q/M22FOH%JP98*L9/ RIANTQOEXB$RS+PAP*QZ*0RLUKEQ0L8FUU+UK20"
    ),
    "a request": (
        "WI1:+PDFOLOO2ZKNQH02E9BZ84EQIBB%L5H/0/5VKZO8NKY-K 9HMUUW.OU20S07JIA.3BJXIO5GK70 8JI3"
    ),
}


def _stored(data: bytes) -> bytes:
    """Return a raw DEFLATE stream of one stored block (RFC 1951 clause 3.2.4)."""
    length = len(data)
    return b"\x01" + length.to_bytes(2, "little") + (_STORED ^ length).to_bytes(2, "little") + data


def _code(skeleton: CborValue, tail: bytes, prefix: str = "WI1:") -> str:
    return prefix + base45_encode(_stored(cbor_encode(skeleton)) + tail)


def _good() -> str:
    cases = []
    for name, make in TEXTS.items():
        text = make()
        parts = take_apart(text)
        skeleton: list[CborValue] = [parts.kind, *parts.texts]
        case = {
            "case": name,
            "text": text,
            "skeleton": cbor_encode(skeleton).hex(),
            "tail": parts.tail.hex(),
            "stored": _code(skeleton, parts.tail, "WI3:" if "paper" in name else "WI1:"),
        }
        if name in COMPRESSED:
            case["compressed"] = COMPRESSED[name]
        cases.append(case)
    return _json({"note": _NOTE, "decode": cases})


def _bad() -> str:
    signature = bytes(64)
    request = cbor_encode([2, "{}"])
    codes = {
        "another prefix": "WI2:" + _code([2, "{}"], b"")[4:],
        "lower case": _code([2, "{}"], b"").lower(),
        "a character outside base45": "WI1:" + _code([2, "{}"], b"")[4:-1] + "_",
        "a base45 group past 16 bits": "WI1::::",
        "a base45 group of one character": _code([2, "{}"], b"") + "0",
        "no DEFLATE": "WI1:" + base45_encode(b"\xff" * 8),
        "a DEFLATE stream cut off": "WI1:" + base45_encode(_stored(request)[:-1]),
        "an unknown kind": _code([3, "{}"], b""),
        "a part that is bytes": _code([2, b"{}"], b""),
        "a nested array": _code([2, ["{}"]], b""),
        "two requests": _code([2, "{}", "{}"], b""),
        "CBOR in a second spelling": "WI1:" + base45_encode(_stored(b"\x82\x18\x02\x62{}")),
        "bytes after the CBOR": "WI1:" + base45_encode(_stored(request + b"\x00")),
        "no signature": _code([0, "{}", "{}"], b""),
        "a tail too long": _code([0, "{}", "{}"], bytes(65)),
        "a tail too short for its marks": _code([2, '{"a":"\x02"}'], bytes(31)),
        "a reference to no disclosure": _code([0, "{}", '{"_sd":["\x050"]}'], signature),
        "a reference from a header": _code([0, '{"a":"\x050"}', "{}", "[1]"], signature),
        "a disclosure that refers to itself": _code([0, "{}", "{}", '["\x050"]'], signature),
        "a disclosure that refers to one before it": _code(
            [0, "{}", "{}", "[]", '["\x050"]'], signature
        ),
        "sd_hash outside a key binding": _code([0, "{}", '{"a":"\x04"}'], signature),
        "an identifier repeated before it is named": _code([2, '{"a":"\x07"}'], b""),
        "a bound credential as paper": "WI3:"
        + _code([0, "{}", '{"cnf":{}}'], signature)[len("WI1:") :],
        "a request as paper": _code([2, "{}"], b"", "WI3:"),
    }
    refused = [{"fault": fault, "code": code} for fault, code in codes.items()]
    return _json({"note": _NOTE, "refuse": refused})


def _dictionary() -> str:
    return _json(
        {
            "version": 1,
            "sha256": DICTIONARY_V1_SHA256,
            "base64": base64.b64encode(DICTIONARY_V1).decode("ascii"),
        }
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


FILES: Final[dict[str, Callable[[], str]]] = {
    "qr/dictionary-v1.json": _dictionary,
    "qr/decode.json": _good,
    "qr/refuse.json": _bad,
}
