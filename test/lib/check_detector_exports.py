"""Runs exports of a detector as others would: python check_detector_exports.py FOLDER < {"files": [...], "shape": [...]}.

FOLDER holds pixels.bin, saved-model/1 and onnx/model.onnx. Prints {"files", "pixels", "onnx"}: for each picture a list of
[index, score, ymin, xmin, ymax, xmax], and {"labels"}: the names of what was found in the files. `batch`: pictures at once.
"""

import json
import sys

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf

folder = sys.argv[1]
asked = json.load(sys.stdin)
batch = asked["batch"]
pixels = np.fromfile(f"{folder}/pixels.bin", "uint8").reshape(asked["shape"])
model = tf.saved_model.load(f"{folder}/saved-model/1")
onnx.checker.check_model(f"{folder}/onnx/model.onnx", full_check=True)
session = onnxruntime.InferenceSession(f"{folder}/onnx/model.onnx", providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]


def rows(answer):
    found = []
    for picture, count in enumerate(answer["count"]):
        each = zip(answer["indexes"][picture], answer["scores"][picture], answer["boxes"][picture])
        found.append([[int(index), float(score), *map(float, box)] for index, score, box in list(each)[: int(count)]])
    return found


result = {"files": [], "pixels": [], "onnx": [], "labels": []}
for start in range(0, len(pixels), batch):
    part = pixels[start : start + batch]
    raw = [open(path, "rb").read() for path in asked["files"][start : start + batch]]
    of_files = model.signatures["serving_default"](image_bytes=tf.constant(raw))
    of_pixels = model.signatures["pixels"](pixels=tf.constant(part))
    of_onnx = dict(zip(names, session.run(names, {"pixels": part})))
    result["files"] += rows({name: value.numpy() for name, value in of_files.items()})
    result["pixels"] += rows({name: value.numpy() for name, value in of_pixels.items()})
    result["onnx"] += rows(of_onnx)
    counts = of_files["count"].numpy()
    for labels, count in zip(of_files["label"].numpy(), counts):
        result["labels"].append([label.decode() for label in labels[:count]])
print(json.dumps(result))
