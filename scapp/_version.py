"""The version, once: the package, the wheel, provenance and the changelog (a test compares) say the same."""

__version__ = "0.2.0"
