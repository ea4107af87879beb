"""The lenses on the page: one file each, and their registry."""
