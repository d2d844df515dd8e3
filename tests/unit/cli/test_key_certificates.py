"""Certificates that the command makes: who may read the files, and what is in them."""

from __future__ import annotations

import stat

import pytest
from cryptography import x509

from tests.support.clauses import clause

NAME = "did:weid:test:2VbXfGpnTcQZqYjz9RkWm4sLhDtE#assertion-1"
FILES = ("ca.key", "ca.pem", "issuing.key", "chain.pem", "issuing.csr")


@pytest.fixture
def made(shell):
    """A shell in whose folder each file was made."""
    given = ("--passphrase-file", shell.secret("pass"))
    for words in (
        "generate issuing.key --kind P-256",
        "ca ca.key ca.pem --name Town --days 10",
        f"certificate issuing.key chain.pem --ca ca.pem --ca-key ca.key --for {NAME} --days 9",
        f"request issuing.key issuing.csr --for {NAME} --dns issuer.example",
    ):
        code, _, err = shell.run("key", *words.split(), *given)
        assert code == 0, err
    return shell


@clause("CP-56")
def test_the_files_are_their_owners_and_hold_no_key_in_the_clear(made):
    for name in FILES:
        assert stat.S_IMODE((made.folder / name).stat().st_mode) == 0o600, name
        assert b"PRIVATE KEY" not in (made.folder / name).read_bytes()


@clause("CP-56")
def test_other_programs_read_the_chain_and_the_request(made):
    [leaf] = x509.load_pem_x509_certificates((made.folder / "chain.pem").read_bytes())
    root = x509.load_pem_x509_certificate((made.folder / "ca.pem").read_bytes())
    leaf.verify_directly_issued_by(root)
    asked = x509.load_pem_x509_csr((made.folder / "issuing.csr").read_bytes())
    assert asked.is_signature_valid
    assert asked.public_key() == leaf.public_key()
    for one in (leaf, asked):
        names = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.UniformResourceIdentifier) == [NAME]
    assert "development only" in root.subject.rfc4514_string()


@clause("CP-56")
def test_a_failure_leaves_no_file(shell):
    shell.secret("pass")
    code, _, err = shell.run(
        "key", "ca", "a.key", "a.pem", "--name", "x" * 60, "--passphrase-file", "pass"
    )
    assert code == 1
    assert "64 characters" in err
    assert not (shell.folder / "a.key").exists()
    assert not (shell.folder / "a.pem").exists()
