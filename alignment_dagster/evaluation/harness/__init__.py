"""lm-evaluation-harness: our suites as its tasks, and its tasks on our checkpoints."""
