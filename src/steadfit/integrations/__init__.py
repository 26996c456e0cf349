"""The penalties inside other libraries' training loops: fastai 2, Lightning and skorch.

Each library has a module of its own here, and is needed only by that module.
"""
