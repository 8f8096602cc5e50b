"""Has the world moved? Data, prediction and performance drift, and what to do about it.

Here: pure functions from orders, lists and ledgers to findings, with their evidence.
Not here: anything that reads a store, sends an alert or starts a run.
"""
