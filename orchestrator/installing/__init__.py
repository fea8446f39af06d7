"""Putting the hooks where Git calls them, and taking them out again: native launchers, pre-commit, prek."""
