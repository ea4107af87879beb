"""Pictures from numbers: heatmaps, filmstrips, legends, plots. Numpy in, numpy or a figure out."""
