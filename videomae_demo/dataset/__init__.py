"""Many clips with labels: the table of what a recogniser says of them, and what follows from it."""
