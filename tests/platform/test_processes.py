"""What the operating system is told about our processes."""

import resource
import subprocess
import sys

SHOW = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE)[0])"


def test_a_crash_writes_no_keys_to_disk_not_even_in_a_part_that_was_started() -> None:
    program = f"""
import subprocess, sys
from chatsite import processes
processes.leave_no_cores()
subprocess.run([sys.executable, "-c", {SHOW!r}], check=True)
"""
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    shown = subprocess.run(
        [sys.executable, "-c", program],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (most, most)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == "0"
