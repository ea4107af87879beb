"""What the tensors mean: labels, rollout, reconstruction. Tensors in, frozen numpy results out."""
