"""Tortoise: several takes of a sentence, the best of them made a mel by diffusion."""
