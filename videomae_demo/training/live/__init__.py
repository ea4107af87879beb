"""A small VideoMAE that is trained while somebody watches: in memory, step by step."""
