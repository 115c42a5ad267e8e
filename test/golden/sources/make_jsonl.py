"""A table of JSON lines beside its pictures, written and read back by pandas: jsonl/ and expected-jsonl.json.

    python test/golden/sources/make_jsonl.py
"""
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

here = Path(__file__).parent
root = here / "jsonl"
shutil.rmtree(root, ignore_errors=True)
rows = []
for i, (label, folder) in enumerate([("café \"au lait\"", "one"), ("tea", "two"), ("tea", "one"), ("水", "drei/vier")]):
    path = f"{folder}/{i}.png"
    (root / folder).mkdir(parents=True, exist_ok=True)
    pixels = np.random.RandomState(i).randint(0, 255, (3, 4, 3), np.uint8)
    Image.fromarray(pixels).resize((16 + i, 12)).save(root / path)
    rows.append({"label": label, "path": path, "weight": 0.5 * i, "note": None if i % 2 else "[{"})
pd.DataFrame(rows).to_json(root / "labels.jsonl", orient="records", lines=True)
read = pd.read_json(root / "labels.jsonl", lines=True)[["path", "label"]].sort_values("path")
(here / "expected-jsonl.json").write_text(json.dumps(read.to_dict("records"), indent=1) + "\n")
