"""A question -> a cited reply, or an honest no."""
