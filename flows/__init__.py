"""Prefect flows: graphs only. A flow file can be read aloud as the story of the job."""
