"""What the page's scripts say to Python."""
