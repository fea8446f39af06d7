"""``verify``: judge commits from the repository alone, in CI, before a push and on the server."""
