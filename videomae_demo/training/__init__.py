"""How the bundled weights were made: labelled synthetic clips, pretraining, fine-tuning, evaluation."""
