"""What every question needs: the frames of a clip, the passes of the models, and what is kept."""
