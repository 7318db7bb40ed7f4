"""Language models that are asked over HTTP: requests, answers that are kept, and what they cost."""
