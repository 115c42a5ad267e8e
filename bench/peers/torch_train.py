"""A plain PyTorch training loop in channels_last, timed step by step."""

import torch
from torch import nn

from common import Clock, answer, peak_mb, read_safetensors, spec

SPEC = spec()

# [expansion, channels, repeats, stride of the first, side of the kernel]
MOBILENET_V2 = [(1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 32, 3, 2, 3), (6, 64, 4, 2, 3), (6, 96, 3, 1, 3), (6, 160, 3, 2, 3), (6, 320, 1, 1, 3)]
LITE0 = [(1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)]
# [inner channels, repeats, stride of the first]
RESNET50 = [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]


def conv_bn(before, channels, kernel, stride=1, groups=1, act=nn.ReLU6):
    conv = nn.Conv2d(before, channels, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(channels)] + ([act(inplace=True)] if act else [])


class InvertedResidual(nn.Module):
    def __init__(self, before, channels, expansion, kernel, stride):
        super().__init__()
        hidden = before * expansion
        expand = conv_bn(before, hidden, 1) if expansion != 1 else []
        depthwise = conv_bn(hidden, hidden, kernel, stride, groups=hidden)
        self.layers = nn.Sequential(*expand, *depthwise, *conv_bn(hidden, channels, 1, act=None))
        self.residual = stride == 1 and before == channels

    def forward(self, x):
        return x + self.layers(x) if self.residual else self.layers(x)


class Bottleneck(nn.Module):
    def __init__(self, before, inner, stride):
        super().__init__()
        last = conv_bn(inner, inner * 4, 1, act=None)
        self.layers = nn.Sequential(*conv_bn(before, inner, 1, act=nn.ReLU), *conv_bn(inner, inner, 3, stride, act=nn.ReLU), *last)
        project = stride != 1 or before != inner * 4
        self.shortcut = nn.Sequential(*conv_bn(before, inner * 4, 1, stride, act=None)) if project else nn.Identity()

    def forward(self, x):
        return torch.relu(self.layers(x) + self.shortcut(x))


def blocks_of(backbone):
    """The trunk in the blocks that `last-n` counts, and its width."""
    if backbone == "resnet50":
        blocks = [nn.Sequential(*conv_bn(3, 64, 7, 2, act=nn.ReLU), nn.MaxPool2d(3, 2, 1))]
        width = 64
        for inner, repeats, first_stride in RESNET50:
            for repeat in range(repeats):
                blocks.append(Bottleneck(width, inner, first_stride if repeat == 0 else 1))
                width = inner * 4
        return blocks, width
    blocks = [nn.Sequential(*conv_bn(3, 32, 3, 2))]
    width = 32
    for expansion, channels, repeats, first_stride, kernel in MOBILENET_V2 if backbone == "mobilenet-v2" else LITE0:
        for repeat in range(repeats):
            blocks.append(InvertedResidual(width, channels, expansion, kernel, first_stride if repeat == 0 else 1))
            width = channels
    return [*blocks, nn.Sequential(*conv_bn(width, 1280, 1))], 1280


torch.set_num_threads(SPEC["threads"])
tensors = read_safetensors(SPEC["imagesPath"])
images, labels = torch.from_numpy(tensors["images"]), torch.from_numpy(tensors["labels"]).long()
blocks, width = blocks_of(SPEC["backbone"])
cut = {"full": 0, "last-n": len(blocks) - 2, "head": len(blocks)}[SPEC["strategy"]]
head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, SPEC["classes"]))
frozen = nn.Sequential(*blocks[:cut]).to(memory_format=torch.channels_last).eval().requires_grad_(False)
learning = nn.Sequential(*blocks[cut:], head).to(memory_format=torch.channels_last).train()
optimizer = torch.optim.Adam(learning.parameters(), lr=1e-3)
cross_entropy = nn.CrossEntropyLoss()
clock = Clock(SPEC)
batch_size = SPEC["batchSize"]
done = False
while not done:
    order = torch.randperm(len(images))
    for start in range(0, len(images) - batch_size + 1, batch_size):
        rows = order[start : start + batch_size]
        # Rows of height, width, channel: seen as channel, height, width they are channels_last already.
        x = images[rows].permute(0, 3, 1, 2).float().sub_(127).div_(128)
        with torch.no_grad():
            x = frozen(x)
        loss = cross_entropy(learning(x), labels[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item()
        done = clock.tick()
        if done:
            break
answer(stepMs=clock.step_ms, peakMb=peak_mb())
