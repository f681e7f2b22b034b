"""Evidence in forms that others can use."""
