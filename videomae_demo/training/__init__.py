"""How the bundled weights were made: synthetic clips, pretraining, fine-tuning, evaluation."""
