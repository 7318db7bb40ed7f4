"""Questions about documents that were written for a study."""
