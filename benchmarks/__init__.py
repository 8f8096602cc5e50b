"""Speed, cost, quality and error rates: each file one command that prints its figures."""
