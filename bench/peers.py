"""A Python that has the peers which a benchmark compares attend with: this one, or an environment beside the build."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGES = ["torch==2.13.0", "transformers>=5", "tokenizers", "ctranslate2>=4.8", "sentencepiece", "numpy"]
MODULES = "torch, transformers, tokenizers, ctranslate2"


def has_peers(python):
    return subprocess.run([python, "-c", "import " + MODULES], capture_output=True).returncode == 0


def require():
    """Runs this program again under a Python with the peers, where this one has them not."""
    if has_peers(sys.executable):
        return
    folder = os.path.join(ROOT, "build", "bench-peers")
    python = os.path.join(folder, "bin", "python3")
    if not os.path.exists(python) or not has_peers(python):
        print(f"installing {' '.join(PACKAGES)} into {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    if os.path.realpath(sys.prefix) == os.path.realpath(folder):
        sys.exit(f"the peers ({MODULES}) do not load in {folder}")
    os.execv(python, [python, *sys.argv])
