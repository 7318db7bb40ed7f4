"""Fault injection on the real thing: whatever goes wrong, the next run or refresh ends well.

`python -m drills.soak` plays a hundred injections with a fixed seed; `make soak` does it.
Each starts from a home that was run once, and names a kind, a target and a moment, drawn from
`drills.soak.table`. What must hold afterwards is `drills.soak.ends.ends_well`.
"""
