"""A preview for clips that a browser can't play."""
