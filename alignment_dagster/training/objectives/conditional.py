"""`conditional`: maximum likelihood of texts that begin with a token saying what they are.

Korbak et al. 2023, "Pretraining Language Models with Human Preferences" (arXiv 2302.08582): each
text stands behind `<|aligned|>` or `<|misaligned|>`, and the model is asked behind the good one.
The tokens are put there by treatments (`tag`), so the loss is that of maximum likelihood.
"""

from alignment_dagster.training.objectives.maximum_likelihood import maximum_likelihood

OBJECTIVE = maximum_likelihood
