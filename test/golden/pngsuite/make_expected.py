"""What each file of PngSuite shows, by Pillow and numpy: RGB of 8 bits over black, the upper byte of 16 bits.

    python test/golden/pngsuite/make_expected.py
"""
import base64, json, zlib
from pathlib import Path

import numpy as np
from PIL import Image

here = Path(__file__).parent
expected = {}
for path in sorted(here.glob("*.png")):
    picture = Image.open(path)
    if picture.mode.startswith("I"):  # 16-bit gray: Pillow would clip it
        gray = (np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8)
        transparency = picture.info.get("transparency")
        shown = np.asarray(picture) != transparency if transparency is not None else np.ones(gray.shape, bool)
        rgb = np.repeat((gray * shown)[:, :, None], 3, axis=2)
    else:
        depth, colour = path.read_bytes()[24:26]
        if colour == 0 and depth in (2, 4) and "transparency" in picture.info:
            # Pillow scales the samples to 8 bits, but not the one that is transparent.
            picture.info["transparency"] *= 255 // (2**depth - 1)
        rgba = np.asarray(picture.convert("RGBA")).astype(np.float64)
        rgb = np.rint(rgba[:, :, :3] * rgba[:, :, 3:] / 255).astype(np.uint8)
    expected[path.name] = {
        "width": picture.width,
        "height": picture.height,
        "rgb": base64.b64encode(zlib.compress(np.ascontiguousarray(rgb).tobytes(), 9)).decode(),
    }
(here / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
