"""Panels: sentences, bars and tables whose text may come from anywhere."""
