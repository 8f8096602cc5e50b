"""A/B experiments: who is in which arm, how long, what came of it, and how surely."""
