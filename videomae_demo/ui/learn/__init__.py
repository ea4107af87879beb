"""The page Learn: twelve steps over the token player, each worked out on the clip at hand."""
