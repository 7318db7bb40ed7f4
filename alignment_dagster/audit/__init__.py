"""Audit: from a number to every document behind it, and back, with proof.

Works on the lake and its records alone; only `check` also opens Dagster's and MLflow's databases.
"""
