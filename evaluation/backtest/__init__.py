"""Backtests: many models, many windows, many ages of a model; what is better, how surely, since when."""
