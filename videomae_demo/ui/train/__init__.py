"""The page Train: a small VideoMAE that learns while you watch."""
