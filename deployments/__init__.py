"""What is declared: markets, deployments and automations, as data."""
