"""TFRecords of tf.Example as the TensorFlow Object Detection API writes them, and what TensorFlow reads. Needs tensorflow and Pillow."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

HERE = Path(__file__).parent
root = HERE / "tfrecord"
shutil.rmtree(root, ignore_errors=True)
root.mkdir()
feature = tf.train.Feature
texts = lambda v: feature(bytes_list=tf.train.BytesList(value=[x.encode() for x in v]))
blob = lambda v: feature(bytes_list=tf.train.BytesList(value=[v]))
ints = lambda v: feature(int64_list=tf.train.Int64List(value=v))
floats = lambda v: feature(float_list=tf.train.FloatList(value=v))
items = []
for side in ("train", "val"):
    shard = f"pets_{side}.record-00000-of-00001"
    with tf.io.TFRecordWriter(str(root / shard)) as writer:
        for i in range(2):
            stream = io.BytesIO()
            Image.fromarray(np.full((30, 40, 3), 60 * i + 20, np.uint8)).save(stream, "JPEG")
            n = i + 1
            example = tf.train.Example(features=tf.train.Features(feature={
                "image/height": ints([30]), "image/width": ints([40]), "image/filename": texts([f"{side}{i}.jpg"]),
                "image/source_id": texts([f"{side}{i}.jpg"]), "image/key/sha256": texts(["0" * 64]),
                "image/encoded": blob(stream.getvalue()), "image/format": texts(["jpeg"]),
                "image/object/bbox/xmin": floats([0.1 * k for k in range(n)]),
                "image/object/bbox/xmax": floats([0.5 + 0.1 * k for k in range(n)]),
                "image/object/bbox/ymin": floats([0.25] * n), "image/object/bbox/ymax": floats([0.75] * n),
                "image/object/class/text": texts(["Abyssinian"] * n), "image/object/class/label": ints([1] * n),
                "image/object/difficult": ints([0] * i + [1]), "image/object/truncated": ints([0] * n)}))
            writer.write(example.SerializeToString())
    for i, raw in enumerate(tf.data.TFRecordDataset(str(root / shard))):
        parsed = tf.io.parse_single_example(raw, {
            **{f"image/object/bbox/{e}": tf.io.VarLenFeature(tf.float32) for e in ("xmin", "xmax", "ymin", "ymax")},
            "image/object/class/text": tf.io.VarLenFeature(tf.string), "image/object/difficult": tf.io.VarLenFeature(tf.int64)})
        dense = {k: tf.sparse.to_dense(v).numpy() for k, v in parsed.items()}
        edge = lambda e, size, k: float(dense[f"image/object/bbox/{e}"][k]) * size
        boxes = [{"label": dense["image/object/class/text"][k].decode(), "xMin": edge("xmin", 40, k), "yMin": edge("ymin", 30, k),
                  "xMax": edge("xmax", 40, k), "yMax": edge("ymax", 30, k),
                  **({"difficult": True} if dense["image/object/difficult"][k] else {})} for k in range(i + 1)]
        items.append({"path": f"{shard}/{i:08d}-{side}{i}.jpg", "boxes": boxes, "side": "train" if side == "train" else "validation"})
(HERE / "expected-tfrecord.json").write_text(json.dumps(items, indent=1) + "\n")
