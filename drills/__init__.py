"""Drills: the project used and abused for real, for longer than a test may take."""
