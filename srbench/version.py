"""The version, in one line that every module can import."""

__version__ = "0.1.0"
