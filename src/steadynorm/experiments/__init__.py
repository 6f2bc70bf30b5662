"""Experiments on copies that show whether a model can be trained at all, written once for every framework."""
