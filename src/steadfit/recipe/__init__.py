"""The whole recipe: texts and labels → a classifier whose probabilities can be trusted."""
