"""Runs exports as others would: python check_exports.py FOLDER < {"files": [...], "shape": [...]}, pixels in FOLDER/pixels.bin.

FOLDER holds saved-model/1 and onnx/model.onnx. Prints {"files", "pixels", "onnx"}: probabilities, row by row.
"""

import json
import sys

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf

folder = sys.argv[1]
asked = json.load(sys.stdin)
pixels = np.fromfile(f"{folder}/pixels.bin", "uint8").reshape(asked["shape"])
model = tf.saved_model.load(f"{folder}/saved-model/1")
raw = [open(path, "rb").read() for path in asked["files"]]
of_files = model.signatures["serving_default"](image_bytes=tf.constant(raw))
of_pixels = model.signatures["pixels"](pixels=tf.constant(pixels))
onnx.checker.check_model(f"{folder}/onnx/model.onnx", full_check=True)
session = onnxruntime.InferenceSession(f"{folder}/onnx/model.onnx", providers=["CPUExecutionProvider"])
(of_onnx,) = session.run(["probabilities"], {"pixels": pixels})
print(
    json.dumps(
        {
            "files": of_files["probabilities"].numpy().tolist(),
            "labels": [label.decode() for label in of_files["label"].numpy()],
            "pixels": of_pixels["probabilities"].numpy().tolist(),
            "onnx": of_onnx.tolist(),
        }
    )
)
