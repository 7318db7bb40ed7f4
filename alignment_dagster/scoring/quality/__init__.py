"""Published quality heuristics: every rule a column that holds the rule's own statistic.

Nothing is decided here. The thresholds of the papers stand in the docstrings; a recipe declares its
own (`{rule: too_short, scorer: gopher, column: words, below: 50}`). A word is what white space
separates: the papers do not say how they split, and no tokenizer is as fast or as plain.

A batch of texts is taken apart once, into numbered words and lines, and every statistic is counted
over these arrays: no loop over words runs in Python.
"""
