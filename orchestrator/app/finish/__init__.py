"""The end of a plan: ``checklist`` judges it, ``retiring`` keeps it and takes it away, ``command`` does both."""
