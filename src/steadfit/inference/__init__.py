"""Text → label, and text → more text; nothing here knows how models are trained."""
