"""The command line: the same answers as the page, without gradio."""
