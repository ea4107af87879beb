"""A row of pictures to choose from."""
