"""Cards: what a report says of models and data, in the formats that others read.

A model card and a dataset card (Hugging Face), Croissant metadata and a CycloneDX ML-BOM. Every
number, digest and licence is read from provenance and ledgers; what is not recorded is said to be
not recorded.
"""
