"""The small read-only service over current publications: answers by customer, logs what it shows.

No model and no flow belongs here. The process that answers imports neither pandas nor pyarrow:
what is heavy happens in the process beside it (``background``).
"""
