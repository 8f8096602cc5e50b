"""AutoML over many markets: which model, configuration, scope and hybrid is best in each.

Here: what a search tries next, how trials are judged, stopped and chosen from, all of it pure.
Not here: models and their spaces, and anything that schedules, stores or draws.
"""
