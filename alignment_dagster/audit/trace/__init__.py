"""`alignment audit trace`: from a metric to every document that could have influenced it."""
