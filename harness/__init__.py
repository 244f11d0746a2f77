"""On-device benchmark harness: latency, memory and accuracy of quantized models that one can believe."""

__version__ = "0.1.0"
