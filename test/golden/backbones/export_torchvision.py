#!/usr/bin/env python3
"""Saves networks of torchvision with made-up weights, and the features that torchvision computes with them.

    python export_torchvision.py OUT NAME SIZE…    # torch, torchvision, safetensors

writes into the folder OUT `NAME.pth` (torch.save of the state dict), `NAME.safetensors` (safetensors.torch.save_file) and, for
each SIZE, `NAME-SIZE.f32`: the feature map of the made-up picture, float32, rows of [height, width, channels].

    python export_torchvision.py golden            # torch 2.x, torchvision 0.x

writes squeezenet-1.1.json beside this script: samples of its features, computed in double precision. ResNet50 V1.5 has a golden
of its own (make_resnet_golden.py).
"""

import pathlib
import sys

import numpy as np
import torch
import torchvision

from made_up import MadeUp, image, sample, write

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def resnet_features(model, x):
    x = model.maxpool(model.relu(model.bn1(model.conv1(x))))
    return model.layer4(model.layer3(model.layer2(model.layer1(x))))


NETWORKS = {
    "squeezenet-1.1": (torchvision.models.squeezenet1_1, [], lambda model, x: model.features(x)),
    # Sixteen sums would grow a thousandfold.
    "resnet50-v1.5": (torchvision.models.resnet50, [(r"\.bn3\.weight$", 0.25)], resnet_features),
}


def build(name):
    make, factors, _ = NETWORKS[name]
    made_up = MadeUp(factors)
    model = make(weights=None)
    state = model.state_dict()
    values = {key: torch.from_numpy(made_up.get(key, list(value.shape)))
              for key, value in state.items() if not key.endswith("num_batches_tracked")}
    model.load_state_dict({**state, **values})
    return model.eval()


def features(model, name, size, dtype):
    pixels = ((image(size) / 255.0 - MEAN) / DEVIATION).transpose(2, 0, 1)[None].copy()
    with torch.no_grad():
        maps = NETWORKS[name][2](model.to(dtype), torch.from_numpy(pixels).to(dtype))
    return maps.numpy().transpose(0, 2, 3, 1)


def main(out, name, sizes):
    from safetensors.torch import save_file

    model = build(name)
    torch.save(model.state_dict(), out / f"{name}.pth")
    save_file(model.state_dict(), out / f"{name}.safetensors")
    for size in sizes:
        (out / f"{name}-{size}.f32").write_bytes(features(model, name, size, torch.float32).astype("<f4").tobytes())


def golden():
    name = "squeezenet-1.1"
    model = build(name)
    cases = []
    for size in (96, 75, 128):
        values = features(model, name, size, torch.float64)
        cases.append({"sizePx": size, "featureShape": list(values.shape), "features": sample(values),
                      "featureMean": float(np.mean(values))})
    write(f"{name}.json", {"cases": cases})


if __name__ == "__main__":
    if sys.argv[1] == "golden":
        golden()
    else:
        main(pathlib.Path(sys.argv[1]), sys.argv[2], [int(size) for size in sys.argv[3:]])
