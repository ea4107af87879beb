"""Where weights come from and what is in them: dictionaries of tensors, never a model class."""
