#!/usr/bin/env python3
"""Saves networks of keras.applications with random weights, and the features that Keras computes with them.

    python export_keras.py OUT NAME SIZE…       # tensorflow-cpu 2.21, keras 3.15

writes into the folder OUT `NAME.h5`, `NAME.keras`, `NAME.sm/` (a SavedModel) and, for each SIZE, `NAME-SIZE.f32`: the feature
map of the made-up picture, row-major, and its shape in `NAME-SIZE.json`. NAME is graft's. The files hold float32; the features
are computed in double precision with the same weights, so that one rounding is measured and not two.

    python export_keras.py golden

writes keras.json beside this script: samples of the features of all networks, computed in double precision.
"""

import json
import pathlib
import sys

import keras
import numpy as np

from made_up import image, sample, uniform, write

APPLICATIONS = keras.applications
NETWORKS = {
    "vgg16": (APPLICATIONS.VGG16, {}, "caffe"),
    "resnet50": (APPLICATIONS.ResNet50, {}, "caffe"),
    "inception-v3": (APPLICATIONS.InceptionV3, {}, "tf"),
    "mobilenet-v1": (APPLICATIONS.MobileNet, {}, "tf"),
    "mobilenet-v1-0.75": (APPLICATIONS.MobileNet, {"alpha": 0.75}, "tf"),
    "mobilenet-v1-0.5": (APPLICATIONS.MobileNet, {"alpha": 0.5}, "tf"),
    "mobilenet-v1-0.25": (APPLICATIONS.MobileNet, {"alpha": 0.25}, "tf"),
    "mobilenet-v2-keras": (APPLICATIONS.MobileNetV2, {}, "tf"),
    # These two scale pixels themselves.
    "mobilenet-v3-large": (APPLICATIONS.MobileNetV3Large, {}, None),
    "mobilenet-v3-small": (APPLICATIONS.MobileNetV3Small, {}, None),
    "efficientnet-b0": (APPLICATIONS.EfficientNetB0, {}, None),
}
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def made_up_value(layer, variable):
    """Weights with which signals neither die nor explode: by layer and variable, in [-1, 1) times a scale."""
    if isinstance(layer, keras.layers.Normalization):
        return {"mean": MEAN, "variance": DEVIATION**2}.get(variable.name, np.zeros(()))
    shape = tuple(variable.shape)
    value = uniform(f"{variable_path(layer)}/{variable.name}", shape)
    if variable.name == "kernel":
        inputs = np.prod(shape[:2]) if isinstance(layer, keras.layers.DepthwiseConv2D) else np.prod(shape[:-1])
        # He's 2 makes up for the half that a ReLU takes; behind a projection there is none, and residuals would add up.
        return value * np.sqrt((3 if "project" in layer.name else 6) / inputs)
    if variable.name in ("gamma", "moving_variance"):
        return 1 + 0.5 * value
    return 0.1 * value


ORDER = {}


def variable_path(layer):
    """Layers that Keras named itself count up over the process: they are numbered anew, as they were made."""
    return ORDER.get(layer.name, layer.name)


def number(model):
    ORDER.clear()
    for kind in ("conv2d", "batch_normalization"):
        own = [layer.name for layer in model.layers if layer.name == kind or layer.name.removeprefix(f"{kind}_").isdigit()]
        own.sort(key=lambda name: int(name.removeprefix(kind).lstrip("_") or -1))
        ORDER.update({name: f"{kind}#{index}" for index, name in enumerate(own)})


def build(name, size, top):
    make, options, _ = NETWORKS[name]
    shape = (size, size, 3)
    model = make(weights=None, include_top=top, input_shape=shape, classifier_activation=None, **options)
    number(model)
    for layer in model.layers:
        for variable in layer.weights:
            variable.assign(made_up_value(layer, variable).astype(np.float32))
        if isinstance(layer, keras.layers.Normalization):
            # It keeps a copy of its variables.
            layer.finalize_state()
    return model


def preprocessed(name, size):
    pixels = image(size)[None].astype(keras.config.floatx())
    mode = NETWORKS[name][2]
    if mode is None:
        return pixels
    if mode == "tf":
        return pixels / 127.5 - 1
    return pixels[..., ::-1] - np.array([103.939, 116.779, 123.68])


def features(name, size):
    return np.asarray(build(name, size, False)(preprocessed(name, size), training=False))


def main(out, name, sizes):
    # Three dense layers would make half a gigabyte.
    model = build(name, 96, top=name != "vgg16")
    model.save(out / f"{name}.h5")
    model.save(out / f"{name}.keras")
    model.export(out / f"{name}.sm", verbose=False)
    keras.config.set_floatx("float64")
    for size in sizes:
        values = features(name, size).astype(np.float32)
        (out / f"{name}-{size}.f32").write_bytes(values.tobytes())
        (out / f"{name}-{size}.json").write_text(json.dumps(list(values.shape)))


def golden():
    keras.config.set_floatx("float64")
    cases = []
    for name in NETWORKS:
        for size in (96, 75):
            values = features(name, size)
            cases.append({
                "name": name,
                "sizePx": size,
                "featureShape": list(values.shape),
                "features": sample(values),
                "featureMean": float(np.mean(values)),
            })
    write("keras.json", {"cases": cases})


if __name__ == "__main__":
    if sys.argv[1] == "golden":
        golden()
        sys.exit()
    main(pathlib.Path(sys.argv[1]), sys.argv[2], [int(size) for size in sys.argv[3:]])
