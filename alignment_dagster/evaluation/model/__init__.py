"""A model's side of an evaluation: log-probabilities, generated text, losses, hidden states."""
