"""The versions of the packages a golden was made with, as metadata of the file that holds it."""
from importlib.metadata import version

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "mlx", "mlx-audio", "moshi")


def versions():
    return {"made_with": ", ".join(f"{p} {version(p)}" for p in PACKAGES)}
