"""Reading committed state: answers with proofs, and records as values."""

from registry_chain.reader.committed_reader import CommittedReader
from registry_chain.reader.record_reader import RecordReader

__all__ = ["CommittedReader", "RecordReader"]
