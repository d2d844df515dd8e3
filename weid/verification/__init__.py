"""Verification: the checks of a presentation, the policy that calls for them, and the report."""
