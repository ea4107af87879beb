"""Guards and fixes around gradio: uploads, bodies, headers, files, sealed values, visitors."""
