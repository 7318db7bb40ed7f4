"""`alignment audit impact`: what withdrawing data touches, and what must be made again."""
