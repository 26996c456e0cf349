"""fastai 1's names, each a few lines that call the other rooms."""
