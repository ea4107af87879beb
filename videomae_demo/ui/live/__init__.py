"""The page Live: a camera's picture, and over it what the models say of the last frames."""
