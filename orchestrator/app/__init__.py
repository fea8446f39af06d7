"""Use cases: what a hook or a command does, from the facts that Git tells to the answer."""
