"""Jobs on Databricks: what a cluster is told, the runs, and what its driver does with a command."""
