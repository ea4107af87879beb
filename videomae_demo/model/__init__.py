"""VideoMAE in PyTorch: configuration, patches, layers, three models, an image processor."""
