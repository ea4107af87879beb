"""Files in, frames out, and back: decoding, choosing, encoding. Knows nothing of models."""
