"""Fine-tuning on a folder of one's own labelled clips."""
