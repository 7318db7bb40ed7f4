"""The regression gate: a new report against the last approved one, and what stands behind it.

`reference.py` finds the report to compare with, `shared_answers.py` the answers that both have,
`paired_test.py` holds the test, `flips.py` the answers that changed, `data_changes.py` what differs
between the data, `comparison.py` writes it all, `outcome.py` is what it comes to, `status.py` what
it says of the current report.
"""
