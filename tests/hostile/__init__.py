"""Hostile and damaged files: written cases and seeded mutations, each read in a child process."""
