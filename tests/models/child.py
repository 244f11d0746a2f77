"""TensorFlow in a process of its own, with the Keras of a worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from harness.prepare.children import worker_environment


def run(code: str, *arguments: str, legacy_keras: bool = False) -> Any:
    """What `code` prints as JSON in its last line."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env=worker_environment(os.environ, legacy_keras=legacy_keras),
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
