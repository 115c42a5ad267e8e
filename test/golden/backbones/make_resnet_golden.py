#!/usr/bin/env python3
"""Golden values of both forms of ResNet-50, computed by the libraries that define them, in double precision.

    python make_resnet_golden.py torchvision    # torch 1.12.1, torchvision 0.13.1: writes resnet50-v1.5.json
    python make_resnet_golden.py keras          # tensorflow-cpu 2.21, keras 3.15: writes resnet50.json

Both take the same made-up weights, under torchvision's names and in its layout; Keras's biases are made up as
`<convolution>.bias`.
"""

import sys

import numpy as np

from made_up import MadeUp, forward_case, image, sample, write

FORWARD_SIZES = (96, 75)
TRAINING_SIZE, TRAINING_CLASSES, LABELS = 96, 5, [1, 2]
# Sixteen sums would grow a thousandfold, and biases would be lost in them.
FACTORS = [(r"\.bn3\.weight$", 0.25)]
# Keras's pixels come as they are, some 64 times larger than torchvision's.
KERAS_FACTORS = [*FACTORS, (r"^bn1\.running_var$", 4096)]
GRADIENTS = ["conv1.weight", "bn1.weight", "layer1.0.conv2.weight", "layer1.0.downsample.0.weight", "layer2.0.conv1.weight",
             "layer3.2.conv3.weight", "layer4.0.conv2.weight", "layer4.2.conv3.weight", "layer4.2.bn3.bias", "fc.weight", "fc.bias"]
MOVED = ["bn1", "layer1.0.downsample.1", "layer3.4.bn2", "layer4.2.bn3"]


def two_images():
    one = image(TRAINING_SIZE)
    return np.stack([one, one[::-1, ::-1, :]]).astype(np.float64)


def training_case(loss, gradients, moving):
    return {
        "sizePx": TRAINING_SIZE,
        "loss": float(loss),
        "gradients": {name: {"norm": float(np.linalg.norm(value)), "values": sample(value)} for name, value in gradients.items()},
        "moving": {name: sample(value) for name, value in moving.items()},
    }


def torchvision_golden():
    import torch
    import torchvision

    def build(classes):
        made_up = MadeUp(FACTORS)
        model = torchvision.models.resnet50(weights=None, num_classes=classes).double()
        state = model.state_dict()
        values = {name: torch.from_numpy(made_up.get(name, list(value.shape))).double()
                  for name, value in state.items() if not name.endswith("num_batches_tracked")}
        model.load_state_dict({**state, **values})
        return model, made_up

    def preprocessed(pixels):
        mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        return torch.from_numpy(((pixels / 255.0 - mean) / deviation).transpose(0, 3, 1, 2).copy())

    model, made_up = build(1000)
    model.eval()
    # What enters the global pooling is the feature map.
    seen = []
    model.avgpool.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].detach().numpy().transpose(0, 2, 3, 1)))
    cases = []
    for size in FORWARD_SIZES:
        logits = model(preprocessed(image(size)[None].astype(np.float64)))
        cases.append(forward_case(size, seen[-1], logits.detach().numpy()))
    model, _ = build(TRAINING_CLASSES)
    model.train()
    loss = torch.nn.functional.cross_entropy(model(preprocessed(two_images())), torch.tensor(LABELS))
    loss.backward()
    parameters, state = dict(model.named_parameters()), model.state_dict()
    gradients = {name: parameters[name].grad.numpy() for name in GRADIENTS}
    moving = {f"{name}.{kind}": state[f"{name}.{kind}"].numpy() for name in MOVED for kind in ("running_mean", "running_var")}
    write("resnet50-v1.5.json", {"shapes": made_up.shapes, "cases": cases, "training": training_case(loss, gradients, moving)})


def keras_names():
    """torchvision's name of each layer by Keras's."""
    names = {"conv1_conv": "conv1", "conv1_bn": "bn1", "predictions": "fc"}
    for stage, repeats in enumerate([3, 4, 6, 3], 1):
        for block in range(repeats):
            keras, torch = f"conv{stage + 1}_block{block + 1}", f"layer{stage}.{block}"
            for part in (1, 2, 3):
                names[f"{keras}_{part}_conv"], names[f"{keras}_{part}_bn"] = f"{torch}.conv{part}", f"{torch}.bn{part}"
            names[f"{keras}_0_conv"], names[f"{keras}_0_bn"] = f"{torch}.downsample.0", f"{torch}.downsample.1"
    return names


def keras_golden():
    import keras
    import tensorflow as tf

    keras.config.set_floatx("float64")
    suffixes = {"kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
    orders = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}
    to_torch = lambda value: np.transpose(value, orders[np.ndim(value)])

    def build(size, classes):
        made_up = MadeUp(KERAS_FACTORS)
        model = keras.applications.ResNet50(weights=None, input_shape=(size, size, 3), classes=classes, classifier_activation=None)
        names, variables = keras_names(), {}
        for layer in model.layers:
            for variable in layer.weights:
                name = f"{names[layer.name]}.{suffixes[variable.name]}"
                order = orders[len(variable.shape)]
                value = made_up.get(name, [variable.shape[axis] for axis in order])
                variable.assign(np.transpose(value, np.argsort(order)))
                variables[name] = variable
        return model, made_up, variables

    preprocess = keras.applications.resnet50.preprocess_input
    cases = []
    for size in FORWARD_SIZES:
        model, made_up, _ = build(size, 1000)
        both = keras.Model(model.input, [model.get_layer("avg_pool").input, model.output])
        features, logits = both(preprocess(image(size)[None].astype(np.float64)), training=False)
        cases.append(forward_case(size, np.asarray(features), np.asarray(logits)))
    model, _, variables = build(TRAINING_SIZE, TRAINING_CLASSES)
    with tf.GradientTape() as tape:
        logits = model(preprocess(two_images()), training=True)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS, logits))
    values = tape.gradient(loss, [variables[name].value for name in GRADIENTS])
    gradients = {name: to_torch(value.numpy()) for name, value in zip(GRADIENTS, values)}
    # Keras 3 moves its variance by the biased one of the batch, and TensorFlow's kernel, as PyTorch, by the unbiased.
    moving = {f"{name}.running_mean": variables[f"{name}.running_mean"].numpy() for name in MOVED}
    write("resnet50.json", {"shapes": made_up.shapes, "cases": cases, "training": training_case(loss, gradients, moving)})


if __name__ == "__main__":
    {"torchvision": torchvision_golden, "keras": keras_golden}[sys.argv[1]]()
