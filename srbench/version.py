"""The version, in one line that every module can import."""

__version__ = "0.2.0"
