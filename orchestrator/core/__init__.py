"""The rules, as pure functions over values: no file, process, clock or environment."""
