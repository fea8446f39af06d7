"""Commits, trees and merges as a repository has them: one process of Git for all of a kind, none for each."""
