"""Compiled loops over plain arrays, and the one policy by which they are compiled.

Here: functions of numpy arrays that would be too slow in Python.
Not here: frames, catalogues, models, settings: a kernel sees arrays and numbers only.
"""
