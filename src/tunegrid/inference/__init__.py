"""Finished cells that answer new prompts, side by side on one base."""
