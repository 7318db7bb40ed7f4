"""The dossier: one signed file with a report and all that its numbers were made from."""
