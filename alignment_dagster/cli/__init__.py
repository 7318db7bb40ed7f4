"""The console script `alignment`: a file a command."""
