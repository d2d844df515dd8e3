"""What every request passes: session, access, headers, languages, the one error handler."""
