"""The two places where time goes: the recurrent layer and the softmax over the vocabulary."""
