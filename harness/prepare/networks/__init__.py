"""The layers of the larger model recipes: one network a module. They import Keras only when they build."""
