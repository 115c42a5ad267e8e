"""The benchmarks' networks in Keras: its own where it has them, EfficientNet-Lite0 from its table."""

import keras
from keras import layers

# [expansion, channels, repeats, stride of the first, side of the kernel]: tensorflow/tpu efficientnet/lite.
LITE0 = [(1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)]

# Where the last two blocks begin, by the names of their layers.
LAST_TWO = {
    "mobilenet-v2": ("block_16_", "Conv_1", "out_relu"),
    "efficientnet-lite0": ("blocks.15", "top"),
    "resnet50": ("conv5_block2_", "conv5_block3_"),
}

# Pixels 0-255 to what the network takes: x * scale + offset.
SCALING = {"mobilenet-v2": (1 / 127.5, -1.0), "efficientnet-lite0": (1 / 128, -127 / 128), "resnet50": (1.0, -114.8)}


def conv_bn(x, name, channels, kernel, stride, relu=True, depthwise=False):
    options = {"strides": stride, "padding": "same", "use_bias": False, "name": name}
    if depthwise:
        x = layers.DepthwiseConv2D(kernel, **options)(x)
    else:
        x = layers.Conv2D(channels, kernel, **options)(x)
    x = layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if relu else x


def efficientnet_lite0(side):
    """Layers are named as graft's parameters: `blocks.3_expand` holds `backbone/blocks.3/expand/kernel`."""
    inputs = keras.Input((side, side, 3))
    x = conv_bn(inputs, "stem", 32, 3, 2)
    index, width = 0, 32
    for expansion, channels, repeats, first_stride, kernel in LITE0:
        for repeat in range(repeats):
            name, stride, before = f"blocks.{index}", first_stride if repeat == 0 else 1, x
            if expansion != 1:
                x = conv_bn(x, f"{name}_expand", width * expansion, 1, 1)
            x = conv_bn(x, f"{name}_depthwise", None, kernel, stride, depthwise=True)
            x = conv_bn(x, f"{name}_project", channels, 1, 1, relu=False)
            if stride == 1 and width == channels:
                x = layers.Add(name=f"{name}_add")([x, before])
            index, width = index + 1, channels
    return keras.Model(inputs, conv_bn(x, "top", 1280, 1, 1))


def load_graft_weights(trunk, tensors):
    """Takes `tensors` by graft's names; every convolution of the trunk must have its own."""
    for layer in trunk.layers:
        own = "backbone/" + layer.name.removesuffix("_bn").replace("_", "/")
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([tensors[f"{own}/bn/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")])
        elif isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)):
            layer.set_weights([tensors[f"{own}/kernel"]])


def trunk_of(backbone, side):
    if backbone == "efficientnet-lite0":
        return efficientnet_lite0(side)
    network = {"mobilenet-v2": keras.applications.MobileNetV2, "resnet50": keras.applications.ResNet50}[backbone]
    return network(input_shape=(side, side, 3), include_top=False, weights=None)


def classifier(backbone, strategy, side, classes, trunk=None):
    """uint8 pixels to logits, as Keras's transfer-learning guide builds it; the frozen part as `strategy` says."""
    trunk = trunk or trunk_of(backbone, side)
    trunk.trainable = strategy != "head"
    if strategy == "last-n":
        for layer in trunk.layers:
            layer.trainable = layer.name.startswith(LAST_TWO[backbone])
    inputs = keras.Input((side, side, 3), dtype="uint8")
    scale, offset = SCALING[backbone]
    x = layers.Rescaling(scale, offset)(inputs)
    x = trunk(x, training=False) if strategy == "head" else trunk(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes)(x))
