"""What a person types: one file per command group, nothing but arguments and printing."""
