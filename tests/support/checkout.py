"""The checkout that these tests lie in."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
