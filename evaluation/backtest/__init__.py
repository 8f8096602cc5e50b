"""Backtests: many models, windows and ages of a model; what is better, how surely, since when."""
