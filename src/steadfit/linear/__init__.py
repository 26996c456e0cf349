"""Linear models on counted words: what a network has to beat, and what helps it when blended."""
