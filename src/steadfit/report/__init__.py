"""Figures, tables and baselines from histories, models and predictions."""
