"""Off-policy evaluation: what other lists would have earned, from logs with propensities."""
