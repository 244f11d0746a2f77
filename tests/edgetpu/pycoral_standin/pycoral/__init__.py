"""A stand-in for Coral's pycoral: its functions, and the arithmetic of LiteRT in the place of an Edge TPU.

It behaves as the JSON in the environment variable ``PYCORAL_STANDIN`` says; see `pycoral.utils.edgetpu`.
"""

__version__ = "2.0.0"
