"""The audit's pages: answers as HTML, the graph of past materializations, and their server."""
