"""What a peer runs, in an environment of its own: stand-alone scripts that never import restock."""
