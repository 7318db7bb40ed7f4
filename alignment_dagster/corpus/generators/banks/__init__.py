"""Word and phrase banks that the generators share: data, no logic."""
