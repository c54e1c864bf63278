"""Start-up of `decode` on a small file, as a multiple of what `import cryptography.x509` takes.

    python -m benchmarks.startup [ROUNDS]

Same interpreter, runs interleaved, the least CPU time of each; the aim is less than 1.5. For Unix.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
BASELINE = "import cryptography.x509"
COMMANDS = {
    "bare interpreter": ["-c", "pass"],
    BASELINE: ["-c", BASELINE],
    "import cmpcodec": ["-c", "import cmpcodec"],
    "decode ir-pbm.der": ["-m", "cmpcodec", "decode", str(EXAMPLES / "ir-pbm.der")],
    "decode ip-pbm.der": ["-m", "cmpcodec", "decode", str(EXAMPLES / "ip-pbm.der")],
    "decode --json ip-pbm.der": ["-m", "cmpcodec", "decode", "--json", str(EXAMPLES / "ip-pbm.der")],
}


def cpu_seconds(command: list[str]) -> float:
    """User and system time of one run."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *command], env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    best = dict.fromkeys(COMMANDS, float("inf"))
    for _ in range(rounds + 1):  # the first compiles what is not compiled yet
        for name, command in COMMANDS.items():
            best[name] = min(best[name], cpu_seconds(command))
    for name, seconds in best.items():
        print(f"{name:26} {1000 * seconds:6.0f} ms  {seconds / best[BASELINE]:5.2f} x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
