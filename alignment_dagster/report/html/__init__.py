"""The report's page: what stands on it, its figures, and how it becomes HTML."""
