"""How raw documents are read: one module for each kind of reader."""
