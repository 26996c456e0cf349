"""What was written, and how it becomes token ids."""
