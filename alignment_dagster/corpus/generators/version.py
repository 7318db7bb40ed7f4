"""The version of the generators' code, apart from them: who asks for it generates nothing."""

CODE_VERSION = "1"
"""Raised when the generators write other documents on purpose."""
