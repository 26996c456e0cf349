"""Batches and a model → better weights."""
