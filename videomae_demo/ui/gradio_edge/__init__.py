"""All that fights or guards gradio: uploads, bodies, headers, files, sealed values, visitors."""
