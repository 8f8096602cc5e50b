"""From offline deltas to measured lift: which offline figures foretell what an experiment shows."""
