"""Compiled loops over plain arrays, and the one policy by which they are compiled.

Here: functions of numpy arrays that would be too slow in Python.
Not here: anything that knows what an order, a model or a metric is.
"""
