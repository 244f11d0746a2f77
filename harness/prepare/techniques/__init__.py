"""Techniques that train a model again, by tensorflow-model-optimization on tf-keras: all of it runs in a worker."""
