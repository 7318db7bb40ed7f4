"""From dispositions to training data: the tokenizer, sampling to a budget, and packing."""
