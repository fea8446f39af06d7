"""Every operation of Git beside whatever is not staged, in every way to install the hooks, against a twin without."""
