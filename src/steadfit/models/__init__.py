"""Batches → states → logits: the recurrent encoder, its language model and its classifier."""
