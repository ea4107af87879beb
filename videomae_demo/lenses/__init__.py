"""One file per question about a clip: the question, its answer, its words and its files."""
