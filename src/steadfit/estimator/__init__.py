"""The recipe as a classifier of the form that scikit-learn knows."""
