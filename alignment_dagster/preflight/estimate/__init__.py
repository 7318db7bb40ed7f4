"""What a study takes before it starts: counted where it can be, measured in short, or unknown."""
