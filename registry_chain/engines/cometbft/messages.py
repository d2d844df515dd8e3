"""ABCI 2.0's messages: our own table of their fields, made into protobuf classes at run time.

The table is the wire format of CometBFT 0.38 and 0.39 (`proto/tendermint/abci/types.proto`): the
numbers and types of the fields, nothing else. There is no generated code and no second copy of the
schema. Enumerations are `int32` here, which is the same on the wire; so is `Timestamp`, which is
declared again so that this table is whole. A field that the table lacks is kept and written back.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from weid.errors import MalformedError

ABCI_VERSION: Final = "2.0"
"""The version that CometBFT names in Info begins with this."""

_CALLS: Final = (
    "echo",
    "flush",
    "info",
    "init_chain",
    "query",
    "check_tx",
    "commit",
    "list_snapshots",
    "offer_snapshot",
    "load_snapshot_chunk",
    "apply_snapshot_chunk",
    "prepare_proposal",
    "process_proposal",
    "extend_vote",
    "verify_vote_extension",
    "finalize_block",
    "insert_tx",
    "reap_txs",
)
_REQUEST_NUMBERS: Final = (1, 2, 3, 5, 6, 8, *range(11, 23))
"""4, 7, 9 and 10 were SetOption, BeginBlock, DeliverTx and EndBlock; a response has one more."""

# "name number type", a `*` for repeated; a type with a capital letter is a message.
_FIELDS: Final[dict[str, str]] = {
    # Requests
    "RequestEcho": "message 1 string",
    "RequestFlush": "",
    "RequestInfo": "version 1 string, block_version 2 uint64, p2p_version 3 uint64,"
    "abci_version 4 string",
    "RequestInitChain": "time 1 Timestamp, chain_id 2 string, consensus_params 3 ConsensusParams,"
    "validators 4 *ValidatorUpdate, app_state_bytes 5 bytes, initial_height 6 int64",
    "RequestQuery": "data 1 bytes, path 2 string, height 3 int64, prove 4 bool",
    "RequestCheckTx": "tx 1 bytes, type 2 int32",
    "RequestCommit": "",
    "RequestListSnapshots": "",
    "RequestOfferSnapshot": "snapshot 1 Snapshot, app_hash 2 bytes",
    "RequestLoadSnapshotChunk": "height 1 uint64, format 2 uint32, chunk 3 uint32",
    "RequestApplySnapshotChunk": "index 1 uint32, chunk 2 bytes, sender 3 string",
    "RequestPrepareProposal": "max_tx_bytes 1 int64, txs 2 *bytes,"
    "local_last_commit 3 ExtendedCommitInfo, misbehavior 4 *Misbehavior, height 5 int64,"
    "time 6 Timestamp, next_validators_hash 7 bytes, proposer_address 8 bytes",
    "RequestProcessProposal": "txs 1 *bytes, proposed_last_commit 2 CommitInfo,"
    "misbehavior 3 *Misbehavior, hash 4 bytes, height 5 int64, time 6 Timestamp,"
    "next_validators_hash 7 bytes, proposer_address 8 bytes",
    "RequestExtendVote": "hash 1 bytes, height 2 int64, time 3 Timestamp, txs 4 *bytes,"
    "proposed_last_commit 5 CommitInfo, misbehavior 6 *Misbehavior, next_validators_hash 7 bytes,"
    "proposer_address 8 bytes",
    "RequestVerifyVoteExtension": "hash 1 bytes, validator_address 2 bytes, height 3 int64,"
    "vote_extension 4 bytes",
    "RequestFinalizeBlock": "txs 1 *bytes, decided_last_commit 2 CommitInfo,"
    "misbehavior 3 *Misbehavior, hash 4 bytes, height 5 int64, time 6 Timestamp,"
    "next_validators_hash 7 bytes, proposer_address 8 bytes",
    "RequestInsertTx": "tx 1 bytes",
    "RequestReapTxs": "max_bytes 1 uint64, max_gas 2 uint64",
    # Responses
    "ResponseException": "error 1 string",
    "ResponseEcho": "message 1 string",
    "ResponseFlush": "",
    "ResponseInfo": "data 1 string, version 2 string, app_version 3 uint64,"
    "last_block_height 4 int64, last_block_app_hash 5 bytes",
    "ResponseInitChain": "consensus_params 1 ConsensusParams, validators 2 *ValidatorUpdate,"
    "app_hash 3 bytes",
    "ResponseQuery": "code 1 uint32, log 3 string, info 4 string, index 5 int64, key 6 bytes,"
    "value 7 bytes, proof_ops 8 ProofOps, height 9 int64, codespace 10 string",
    "ResponseCheckTx": "code 1 uint32, data 2 bytes, log 3 string, info 4 string,"
    "gas_wanted 5 int64, gas_used 6 int64, events 7 *Event, codespace 8 string",
    "ResponseCommit": "retain_height 3 int64",
    "ResponseListSnapshots": "snapshots 1 *Snapshot",
    "ResponseOfferSnapshot": "result 1 int32",
    "ResponseLoadSnapshotChunk": "chunk 1 bytes",
    "ResponseApplySnapshotChunk": "result 1 int32, refetch_chunks 2 *uint32,"
    "reject_senders 3 *string",
    "ResponsePrepareProposal": "txs 1 *bytes",
    "ResponseProcessProposal": "status 1 int32",
    "ResponseExtendVote": "vote_extension 1 bytes",
    "ResponseVerifyVoteExtension": "status 1 int32",
    "ResponseFinalizeBlock": "events 1 *Event, tx_results 2 *ExecTxResult,"
    "validator_updates 3 *ValidatorUpdate, consensus_param_updates 4 ConsensusParams,"
    "app_hash 5 bytes",
    "ResponseInsertTx": "code 1 uint32",
    "ResponseReapTxs": "txs 1 *bytes",
    # What they are made of
    "Timestamp": "seconds 1 int64, nanos 2 int32",
    "Duration": "seconds 1 int64, nanos 2 int32",
    "CommitInfo": "round 1 int32, votes 2 *VoteInfo",
    "ExtendedCommitInfo": "round 1 int32, votes 2 *ExtendedVoteInfo",
    "Event": "type 1 string, attributes 2 *EventAttribute",
    "EventAttribute": "key 1 string, value 2 string, index 3 bool",
    "ExecTxResult": "code 1 uint32, data 2 bytes, log 3 string, info 4 string,"
    "gas_wanted 5 int64, gas_used 6 int64, events 7 *Event, codespace 8 string",
    "Validator": "address 1 bytes, power 3 int64",
    "ValidatorUpdate": "pub_key 1 PublicKey, power 2 int64",
    "VoteInfo": "validator 1 Validator, block_id_flag 3 int32",
    "ExtendedVoteInfo": "validator 1 Validator, vote_extension 3 bytes,"
    "extension_signature 4 bytes, block_id_flag 5 int32",
    "Misbehavior": "type 1 int32, validator 2 Validator, height 3 int64, time 4 Timestamp,"
    "total_voting_power 5 int64",
    "Snapshot": "height 1 uint64, format 2 uint32, chunks 3 uint32, hash 4 bytes, metadata 5 bytes",
    "PublicKey": "ed25519 1 bytes, secp256k1 2 bytes, bls12381 3 bytes",
    "ProofOps": "ops 1 *ProofOp",
    "ProofOp": "type 1 string, key 2 bytes, data 3 bytes",
    "ConsensusParams": "block 1 BlockParams, evidence 2 EvidenceParams,"
    "validator 3 ValidatorParams, version 4 VersionParams, abci 5 ABCIParams,"
    "authority 6 AuthorityParams",
    "BlockParams": "max_bytes 1 int64, max_gas 2 int64",
    "EvidenceParams": "max_age_num_blocks 1 int64, max_age_duration 2 Duration, max_bytes 3 int64",
    "ValidatorParams": "pub_key_types 1 *string",
    "VersionParams": "app 1 uint64",
    "ABCIParams": "vote_extensions_enable_height 1 int64",
    "AuthorityParams": "authority 1 string",
}
_ONE_OF: Final = {"Request": "value", "Response": "value", "PublicKey": "sum"}
_PACKAGE: Final = "weid.abci"
_Field = descriptor_pb2.FieldDescriptorProto


def _envelopes() -> dict[str, str]:
    """Return the fields of Request and Response: one message for each call."""
    numbered = list(zip(_CALLS, _REQUEST_NUMBERS, strict=True))
    names = {call: "".join(map(str.capitalize, call.split("_"))) for call in _CALLS}
    requests = [f"{call} {number} Request{names[call]}" for call, number in numbered]
    responses = [f"{call} {number + 1} Response{names[call]}" for call, number in numbered]
    return {
        "Request": ",".join(requests),
        "Response": ",".join(["exception 1 ResponseException", *responses]),
    }


def _classes() -> dict[str, type[Message]]:
    """Return the class of each message of the table."""
    file = descriptor_pb2.FileDescriptorProto(
        name="weid/abci.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in (_FIELDS | _envelopes()).items():
        message = file.message_type.add(name=name)
        if name in _ONE_OF:
            message.oneof_decl.add(name=_ONE_OF[name])
        for text in filter(None, fields.split(",")):
            _add_field(message, text)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = message_factory.GetMessageClassesForFiles([file.name], pool)
    return {name.removeprefix(f"{_PACKAGE}."): value for name, value in found.items()}


def _add_field(message: descriptor_pb2.DescriptorProto, text: str) -> None:
    """Add the field that a piece of the table declares."""
    name, number, kind = text.split()
    field = message.field.add(name=name, number=int(number))
    field.label = _Field.LABEL_REPEATED if kind.startswith("*") else _Field.LABEL_OPTIONAL
    kind = kind.removeprefix("*")
    if kind[0].isupper():
        field.type = _Field.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{kind}"
    else:
        field.type = _Field.Type.Value(f"TYPE_{kind.upper()}")
    if message.name in _ONE_OF:
        field.oneof_index = 0


_MESSAGES: Final = _classes()
# Their fields exist at run time only, so that a type checker cannot know them.
Request: Final[Any] = _MESSAGES["Request"]
"""What CometBFT asks: exactly one of its fields is set."""
Response: Final[Any] = _MESSAGES["Response"]
"""What an application answers: the field of the same name as the request's, or `exception`."""


def decode_request(raw: bytes) -> Any:
    """Return the `Request` that the bytes are.

    Raises:
        MalformedError: they are no protobuf message of this shape.
    """
    return _decode(Request, raw, "an ABCI request")


def decode_response(raw: bytes) -> Any:
    """Return the `Response` that the bytes are.

    Raises:
        MalformedError: they are no protobuf message of this shape.
    """
    return _decode(Response, raw, "an ABCI response")


def _decode(kind: Any, raw: bytes, what: str) -> Any:
    try:
        return kind.FromString(raw)
    except DecodeError:
        raise MalformedError(f"the {len(raw)} bytes of a frame are not {what}") from None


def call_of(message: Any) -> str:
    """Return the name of the call that a request or response belongs to, empty for none."""
    return message.WhichOneof("value") or ""
