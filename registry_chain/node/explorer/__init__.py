"""The pages that people read: what happened on the chain, in sentences, each with a .json twin."""
