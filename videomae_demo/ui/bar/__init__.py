"""The bar at the head of the page, as a gradio component."""
