"""A browser's walk through the pages: what is served, and the steps."""
