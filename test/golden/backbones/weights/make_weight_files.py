#!/usr/bin/env python3
"""Small files of weights, written by Keras, h5py and TensorFlow themselves, sound and hostile.

    python make_weight_files.py        # tensorflow-cpu 2.21, keras 3.15, h5py

Element i of a tensor is i / 8 + what `START` says for its name, so that every reader can be checked by a formula.
"""

import json
import pathlib
import shutil

import h5py
import keras
import numpy as np
import tensorflow as tf

HERE = pathlib.Path(__file__).parent
START = {"kernel": 1, "bias": 2, "gamma": 3, "beta": 4, "moving_mean": 5, "moving_variance": 6}


def values(name, shape):
    return (np.arange(np.prod(shape, dtype=int), dtype=np.float32) / 8 + START[name]).reshape(shape)


def model():
    x = inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, name="first")(x)
    x = keras.layers.BatchNormalization(name="norm", scale=False)(x)
    inner = keras.Input((6, 6, 4))
    nested = keras.Model(inner, keras.layers.DepthwiseConv2D(3, name="deep", use_bias=False)(inner), name="inner")
    x = keras.layers.Dropout(0.5)(nested(x))
    net = keras.Model(inputs, keras.layers.Dense(2, name="last")(x))
    for variable in net.variables:
        if variable.name in START:
            variable.assign(values(variable.name, tuple(variable.shape)))
    return net


def old_h5(path):
    """Names as Keras 1 and 2 wrote them."""
    with h5py.File(path, "w") as file:
        names = {"block1": ["block1_W_1:0", "block1_b_1:0"], "part/deep": ["part/deep/depthwise_kernel:0"], "empty": []}
        file.attrs["layer_names"] = [name.encode() for name in names]
        for layer, weights in names.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name in weights]
            for name in weights:
                kind = "bias" if "_b_" in name else "kernel"
                group[name] = values(kind, (3,) if kind == "bias" else (1, 1, 3, 1))


def hostile():
    def legacy(path, make):
        with h5py.File(HERE / path, "w") as file:
            file.attrs["layer_names"] = [b"a"]
            group = file.create_group("a")
            group.attrs["weight_names"] = [b"a/kernel:0"]
            make(group)

    # Sixteen terabytes that were never written.
    legacy("bomb-unwritten.h5", lambda group: group.create_dataset("a/kernel:0", (2**21, 2**21), "f4"))
    legacy("bomb-gzip.h5", lambda group: group.create_dataset("a/kernel:0", data=np.zeros((4096, 1024), "f4"), compression="gzip", chunks=(4096, 1024), compression_opts=9))

    def link(group):
        group["a/kernel:0"] = h5py.ExternalLink("/etc/hostname", "/a")

    legacy("link.h5", link)

    def cycle(group):
        group["again"] = group

    legacy("cycle.h5", cycle)


def code():
    """Networks with a layer of Python code."""
    inputs = keras.Input((4,))
    net = keras.Model(inputs, keras.layers.Lambda(lambda x: x * 2, output_shape=(4,))(keras.layers.Dense(4)(inputs)))
    net.save(HERE / "lambda.h5")
    net.save(HERE / "lambda.keras")


def main():
    net = model()
    code()
    net.save(HERE / "small.h5")
    net.save(HERE / "small.keras")
    net.save_weights(HERE / "numbers.weights.h5")
    old_h5(HERE / "old.h5")
    hostile()
    shutil.rmtree(HERE / "saved-model", ignore_errors=True)
    net.export(HERE / "saved-model", verbose=False)
    # The graph is not read: its place is what counts.
    (HERE / "saved-model" / "saved_model.pb").unlink()
    (HERE / "saved-model" / "fingerprint.pb").unlink()
    shutil.rmtree(HERE / "saved-model" / "assets")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.Variable(values("kernel", (1, 1, 2, 3)), name="Net/Conv2d_0/weights")
        tf.compat.v1.Variable(values("beta", (3,)), name="Net/Conv2d_0/BatchNorm/beta")
        tf.compat.v1.Variable(np.int64(7), name="global_step")
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(HERE / "slim.ckpt"), write_meta_graph=False, write_state=False)
    tfjs()


def tfjs():
    """uint8, uint16, float16 and plain weights, two files."""
    plain, half = values("kernel", (2, 3)), values("bias", (4,)).astype("<f2")
    small, wide = np.arange(5, dtype="u1") * 50, np.arange(3, dtype="<u2") * 1000
    data = plain.tobytes() + half.tobytes() + small.tobytes() + wide.tobytes()
    weights = [
        {"name": "plain", "shape": [2, 3], "dtype": "float32"},
        {"name": "half", "shape": [4], "dtype": "float32", "quantization": {"dtype": "float16"}},
        {"name": "small", "shape": [5], "dtype": "float32", "quantization": {"dtype": "uint8", "scale": 0.5, "min": -10}},
        {"name": "wide", "shape": [3], "dtype": "float32", "quantization": {"dtype": "uint16", "scale": 0.25, "min": 1}},
    ]
    (HERE / "group1-shard1of2.bin").write_bytes(data[:10])
    (HERE / "group1-shard2of2.bin").write_bytes(data[10:])
    groups = [{"paths": ["group1-shard1of2.bin", "group1-shard2of2.bin"], "weights": weights}]
    (HERE / "tfjs-model.json").write_text(json.dumps({"format": "graph-model", "weightsManifest": groups}, indent=1) + "\n")


if __name__ == "__main__":
    main()
