"""The lenses: what stands beside the token player, one file per lens."""
