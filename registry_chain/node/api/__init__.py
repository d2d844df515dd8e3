"""The HTTP API: proved answers, submission, the event feed, health and metrics."""
