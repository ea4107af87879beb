"""The pages: what stands where, and which work each event begins."""
