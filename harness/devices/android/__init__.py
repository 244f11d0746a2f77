"""Android phones over adb: the wire, files, facts, settings, telemetry, and the device made of them."""
