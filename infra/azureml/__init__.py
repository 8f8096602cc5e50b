"""Azure Machine Learning: what its nodes run, its jobs, and Prefect's work pool for them."""
