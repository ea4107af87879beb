"""VideoMAE in PyTorch: configuration, patches, layers, the three models, and their image processor."""
