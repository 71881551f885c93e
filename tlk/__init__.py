"""tlk: which of these twenty pictures looks like that one?"""

__version__ = "0.1.0"
