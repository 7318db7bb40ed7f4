"""Fault injection on the real thing: whatever goes wrong, the next run or refresh ends well.

`python -m soak` (in `tests/`) plays a hundred injections with a fixed seed; `make soak` does it.
Each starts from a home that was run once, and names a kind, a target and a moment, drawn from
`soak.table`. What must hold afterwards is `soak.ends.ends_well`.
"""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
for name in ("refreshing", "audit"):
    if str(TESTS / name) not in sys.path:
        sys.path.insert(0, str(TESTS / name))
