"""Files in, frames out, and back: decoding, the choice of frames, encoding. Knows nothing of models."""
