"""Backtests: many models on many past windows, also when fitted long before.

Here: what is fitted on which day and judged where (``grid``, ``running``), and what the
scorecards say: ``stability``, ``staleness``, ``significance``, ``ranks``, ``what_if``.
Not here: who runs it, and what people see.
"""
