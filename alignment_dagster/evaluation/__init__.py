"""The evaluation of checkpoints: suites, log-probabilities, generated text, judges, attacks."""
