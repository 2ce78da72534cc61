"""Of Node's peers."""

import json
import subprocess

from bench.frame import NODE_PEERS, PEERS


def node_versions(*names: str) -> dict[str, str]:
    """Node's own, and of these packages in the peers' folder."""
    node = subprocess.run([PEERS / "bin" / "node", "--version"], capture_output=True, text=True, check=True)
    found = {"node": node.stdout.strip().removeprefix("v")}
    for name in names:
        package = json.loads((NODE_PEERS / "node_modules" / name / "package.json").read_text(encoding="utf-8"))
        found[name] = str(package["version"])
    return found
