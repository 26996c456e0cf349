"""Text classifiers by transfer learning from recurrent language models."""
