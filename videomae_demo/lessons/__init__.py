"""A lesson on masked autoencoding: twelve steps, each worked out by the real model on one clip."""
