"""Documents that are written for a study: scenarios, prompts, requests, and who answers them."""
