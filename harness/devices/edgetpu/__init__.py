"""Coral Edge TPUs on this host: what is attached, and each as a device; `harness.devices.edgetpu.find` opens them."""
