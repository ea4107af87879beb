"""The token player: tracks, scores and masks of a clip, drawn in the browser."""
