"""The peer of bench/ingest.ts: JPEG files to 224 x 224 through tf.data. One JSON request a line in, one JSON answer out."""

import glob
import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

SIDE = 224
BATCH = 32


def dataset(files, method, antialias, dtype):
    def load(path):
        pixels = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        pixels = tf.image.resize(pixels, [SIDE, SIDE], method=method, antialias=antialias)
        if dtype == "uint8":
            pixels = tf.cast(tf.clip_by_value(tf.round(pixels), 0, 255), tf.uint8)
        return pixels

    loaded = tf.data.Dataset.from_tensor_slices(files).map(load, num_parallel_calls=tf.data.AUTOTUNE)
    return loaded.batch(BATCH).prefetch(tf.data.AUTOTUNE)


def timed(files, request):
    start, cpu, images = time.perf_counter(), time.process_time(), 0
    for batch in dataset(files * request["passes"], request["method"], request["antialias"], request["dtype"]):
        images += int(batch.shape[0])
    return {"images": images, "seconds": time.perf_counter() - start, "cpuSeconds": time.process_time() - cpu}


def pillow(files):
    from PIL import Image

    return np.stack([np.asarray(Image.open(f).convert("RGB").resize((SIDE, SIDE), Image.BICUBIC)) for f in files])


def difference(files, request):
    """Mean absolute difference to Pillow's antialiased bicubic, of the first pictures."""
    files = files[: request["count"]]
    if request["pixels"] is not None:
        own = np.fromfile(request["pixels"], np.uint8).reshape(-1, SIDE, SIDE, 3)
    else:
        batches = dataset(files, request["method"], request["antialias"], "uint8")
        own = np.concatenate([batch.numpy() for batch in batches])
    return {"difference": float(np.abs(own.astype(int) - pillow(files).astype(int)).mean())}


def main():
    files = sorted(glob.glob(os.path.join(sys.argv[1], "*.jpg")))
    print(json.dumps({"name": f"TensorFlow {tf.__version__}"}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = (difference if request["kind"] == "difference" else timed)(files, request)
        except ImportError as error:
            answer = {"missing": str(error)}
        print(json.dumps(answer), flush=True)


main()
