"""Copies everyday photographs that installed packages ship into a folder: scikit-learn's, and scikit-image's where it is.

    python photographs.py OUT
"""

import importlib.util
import pathlib
import shutil
import sys

PICTURES = {
    "sklearn": ["datasets/images/china.jpg", "datasets/images/flower.jpg"],
    "skimage": ["data/chelsea.png", "data/coffee.png", "data/rocket.jpg"],
}

out = pathlib.Path(sys.argv[1])
for package, names in PICTURES.items():
    found = importlib.util.find_spec(package)
    if found is None:
        continue
    root = pathlib.Path(found.submodule_search_locations[0])
    for name in names:
        if (root / name).exists():
            shutil.copy(root / name, out / pathlib.Path(name).name)
