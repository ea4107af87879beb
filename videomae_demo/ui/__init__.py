"""The page: gradio around the Explorer. Nothing else in the package imports this."""
