"""The version, on its own so that the build and the code read the same one."""

__version__ = "0.1.0"
