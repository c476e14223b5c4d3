#!/bin/sh
# Makes the Python environment of the reference scripts in tools/: a virtual environment in
# $MARVIS_REFERENCES (default ~/.cache/marvis-references). Needs Python 3.11 or newer, about 6 GB.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${MARVIS_REFERENCES:-$HOME/.cache/marvis-references}
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet -r "$here/requirements.txt"
"$venv/bin/python" -m pip install --quiet --no-deps mlx-audio==0.6.2
"$venv/bin/python" -c 'import mlx.core, moshi, tokenizers, torch, transformers
from mlx_audio.tts.models.sesame import sesame
print("ready:", "torch", torch.__version__, "transformers", transformers.__version__)'
echo "run the scripts with $venv/bin/python"
