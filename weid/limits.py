"""Every size, count and time limit of weid, with its reason, in one table.

Limits stop hostile input before it costs anything; each has a test at the limit and one past it.
Sizes are in bytes, times in seconds.
"""

from __future__ import annotations

from typing import Final

# --- Text formats -------------------------------------------------------------------------------
JSON_DEPTH: Final = 32
"""Nesting of any JSON or CBOR value: deep enough for every real credential, far from recursion."""
JSON_INTEGER_DIGITS: Final = 20
"""Digits of a JSON integer: covers 64 bits; more only serves to burn CPU."""
CBOR_DEPTH: Final = 16
"""Nesting of a CBOR value in transactions, records and QR envelopes."""
SAFE_INTEGER: Final = 2**53 - 1
"""Largest integer that every JSON reader keeps exactly (RFC 8259 clause 6)."""

# --- Credentials and presentations --------------------------------------------------------------
PRESENTATION_BYTES: Final = 64 * 1024
"""A presentation or credential as text; a certificate with a small photo fits."""
DISCLOSURES: Final = 256
"""Disclosures of one credential: generous against real templates, small against floods."""
DIGESTS: Final = 2048
"""Digests in one credential, decoys included."""
LEEWAY: Final = 60
"""Clock difference that is forgiven between issuer, wallet and verifier."""
KEY_BINDING_AGE: Final = 300
"""Oldest key binding that a requested presentation may carry."""
SHOWN_AGE: Final = 120
"""Oldest key binding of a shown (unrequested) code."""
CREDENTIAL_LIFETIME: Final = 100 * 366 * 86_400
"""Longest distance of exp from iat: catches milliseconds written as seconds."""

# --- Certificates -------------------------------------------------------------------------------
CHAIN_CERTIFICATES: Final = 5
"""Certificates in an `x5c` header: real chains have two or three, and each costs a signature."""
CERTIFICATE_BYTES: Final = 8 * 1024
"""One certificate in DER: real ones have about 1 to 2 kB."""

# --- Status lists -------------------------------------------------------------------------------
STATUS_LIST_BYTES: Final = 16 * 1024 * 1024
"""Inflated size at which reading a status list stops."""
STATUS_TOKEN_BYTES: Final = 8 * 1024 * 1024
"""A status list token as text."""
STATUS_TOKEN_AGE: Final = 24 * 3600
"""How long a status list token is used that names no end of its own."""
STATUS_LIST_MIN_ENTRIES: Final = 2**17
"""Fewest entries of a list that we make: herd privacy (Token Status List clause 12)."""
STATUS_SUPERSEDED_GRACE: Final = 60
"""How long the digest just superseded passes, with a warning."""

STATUS_LISTS_KEPT: Final = 64 * 1024 * 1024
"""Bytes of inflated status lists that one verifier keeps between presentations."""

# --- Files sealed with a passphrase --------------------------------------------------------------
PASSPHRASE_MEMORY: Final = 256 * 1024 * 1024
"""Memory that opening a key or wallet file may take: twice what ours ask for, whoever made it."""
PASSPHRASE_OPERATIONS: Final = 8
"""Passes over that memory: at most about two seconds for a file that will not open after all."""

# --- DIDs ---------------------------------------------------------------------------------------
DID_CHARS: Final = 2048
"""A DID or DID URL as text: a did:jwk with every member that we take stays below 1,000."""

# --- Registry -----------------------------------------------------------------------------------
TRANSACTION_BYTES: Final = 64 * 1024
DID_DOCUMENT_BYTES: Final = 32 * 1024
TEMPLATE_BYTES: Final = 48 * 1024
POLICY_BYTES: Final = 16 * 1024
"""A presentation policy, which stands whole in its record: texts in many languages fit."""
TRANSACTION_OPERATIONS: Final = 1000
"""Operations in one transaction."""
DID_KEYS: Final = 64
"""Keys of one DID, removed ones included."""
DID_SERVICES: Final = 32
DID_CONTROLLERS: Final = 16
"""Controlling keys, and likewise recovery keys, of one DID."""
TRANSACTION_KEYS: Final = 16
"""Author's, and likewise endorser's, keys of one transaction: each costs a verification."""
RECEIPT_DATA_BYTES: Final = 4096
"""What a rule may return in a receipt."""
RECORD_BYTES: Final = 192 * 1024
"""One record of the registry: the largest is evidence whose every note is full."""
GOVERNORS: Final = 64
"""Governors of one chain at a time, so that a proposal stays small."""
PROPOSAL_LIFETIME: Final = 90 * 86_400
"""Longest time from a proposal's block to its expiry."""
ACCREDITATION_DEPTH: Final = 4
"""Accreditors between governance and an issuer."""
TRUST_VERSIONS: Final = 256
"""Compromises of one link that are looked back over; each may cost a question."""
EVIDENCE_NOTES: Final = 64
"""Notes of one signer on one digest: enough for a log, small enough to rewrite."""
BATCH_ROWS: Final = 100_000
"""Rows of one uploaded batch."""
TEXT_FIELD: Final = 512
"""Characters of a name, reason or URI in a registry record."""
MAX_TIME_LAG: Final = 60
"""Seconds by which a block's header time may lag behind the wall clock (chain parameter)."""
HEARTBEAT: Final = 30
"""Longest time between two blocks of the embedded engine."""
VALIDATORS: Final = 256
"""Validators of one network: far above what CometBFT runs well with, small against floods."""
VALIDATOR_POWER: Final = 1_000_000
"""Power of one validator: 256 of them stay far below CometBFT's bound on their sum."""
RULES_NOTICE: Final = 20
"""Fewest blocks between scheduling a version of the rules and the first block that it judges."""
TRUST_PERIOD: Final = 30 * 86_400
"""How long a remembered head may vouch for a later one: sealing keys must be kept safe so long."""
HEADER_DRIFT: Final = 60
"""Seconds by which a header may be ahead of the reader's clock."""
HEAD_BYTES: Final = 512 * 1024
"""A header with its commit and validators as JSON: 256 validators take about 120 kB."""

# --- Network and pictures -----------------------------------------------------------------------
FETCH_BYTES: Final = 2 * 1024 * 1024
FETCH_SECONDS: Final = 3
EXCHANGE_SECONDS: Final = 30
"""For an answer to a wallet by the issuer or verifier that its holder turned to: one under load, or
that waits for its registry, takes longer than a file. Who gave up sooner would lose what counts
once: the code of an offer, an answer."""
IMAGE_PIXELS: Final = 20_000_000
IMAGE_BYTES: Final = 10 * 1024 * 1024
QR_INFLATED_BYTES: Final = 32 * 1024
"""Inflated size at which reading a QR envelope stops."""
QR_PRESENTATION_VERSION: Final = 25
"""Largest symbol that a hand-held camera still reads."""
