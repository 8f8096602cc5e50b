"""``restock retrain``: the main job."""
