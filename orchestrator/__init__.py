"""Git hooks that make a phased plan binding."""
