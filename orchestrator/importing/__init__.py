"""Breakdowns in the forms that people and other tools keep them in, read into one."""
