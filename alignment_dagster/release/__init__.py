"""What leaves the house: gate, approval, cards, dossier, exports."""
