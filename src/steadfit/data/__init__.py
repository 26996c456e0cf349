"""Token ids to batches: a memory-mapped store, language-model windows, document batches."""
