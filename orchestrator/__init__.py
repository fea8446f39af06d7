"""Git hooks that make a phased plan binding."""

__version__ = "0.1.0"
