"""One training step of the binary ResNet-20 in PyTorch on the CPU: the peer of bench/train/peers.ts.

The network is ts/nn/models/resnet20.ts with weights and activations quantised by "bnn": forward the sign (+1 at 0),
backward straight through where |x| <= 1, latent weights clipped to [-1, 1] after the update. Adam, cross entropy, random
images of 32 x 32 x 3 bytes, taken out of memory, scaled and put into a batch in every step, as our trainer does.
torch.compile made this step no faster on the CPU it was tried on, so it is not used.

By itself it prints the milliseconds of some steps. With --serve it makes a step for every line on standard input and
answers with a line of JSON, so that bench/train/peers.ts can take turns with our own steps.

  python3 bench/pytorch_resnet20.py --threads 1 --steps 5
"""

import argparse
import json
import os
import sys
import time

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--batch", type=int, default=128)
parser.add_argument("--steps", type=int, default=5)
parser.add_argument("--serve", action="store_true", help="one step for every line on standard input")
parser.add_argument("--channels-last", action="store_true", help="NHWC in memory instead of NCHW")
options = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(options.threads)
# Threads that spin while they wait took five times as long where another program wanted a core now and then.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402: what OpenMP is told has to be set first
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

torch.set_num_threads(options.threads)
torch.manual_seed(1)


class Sign(torch.autograd.Function):
    """The sign with sign(0) = +1; its gradient passes where |x| <= 1."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (x.abs() <= 1)


class BinaryConv2d(nn.Conv2d):
    """A 3x3 convolution of the signs of its input with the signs of its weights, without bias."""

    def __init__(self, channels, filters, stride):
        super().__init__(channels, filters, 3, stride, padding=1, bias=False)

    def forward(self, x):
        x, weight = Sign.apply(x), Sign.apply(self.weight)
        if self.stride[0] == 1:
            return F.conv2d(x, weight, padding=1)
        # TensorFlow's SAME with stride 2 on even sizes pads after the image alone.
        return F.conv2d(F.pad(x, (0, 1, 0, 1)), weight, stride=2)


class Residual(nn.Module):
    """sign -> binary convolution -> batch norm -> + shortcut, as in Bi-Real Net."""

    def __init__(self, channels, filters, stride):
        super().__init__()
        self.conv, self.norm = BinaryConv2d(channels, filters, stride), nn.BatchNorm2d(filters)
        same = stride == 1 and channels == filters
        self.shortcut = nn.Identity() if same else nn.Sequential(
            nn.AvgPool2d(2), nn.Conv2d(channels, filters, 1, bias=False), nn.BatchNorm2d(filters)
        )

    def forward(self, x):
        return self.norm(self.conv(x)) + self.shortcut(x)


class ResNet20(nn.Module):
    """Stem 3x3x16, three stages of six binary convolutions with 16, 32 and 64 filters, global average pool, dense."""

    def __init__(self):
        super().__init__()
        layers = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)]
        channels = 16
        for stage, filters in enumerate((16, 32, 64)):
            for layer in range(6):
                layers.append(Residual(channels, filters, 2 if stage > 0 and layer == 0 else 1))
                channels = filters
        self.body, self.head = nn.Sequential(*layers), nn.Linear(64, 10)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


model = ResNet20()
layout = torch.channels_last if options.channels_last else torch.contiguous_format
model = model.to(memory_format=layout)
latents = [module.weight for module in model.modules() if isinstance(module, BinaryConv2d)]
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, foreach=True)
images = torch.randint(0, 256, (2048, 3, 32, 32), dtype=torch.uint8).contiguous(memory_format=layout)
labels = torch.randint(0, 10, (2048,))


def step():
    """One step on a random batch; returns the loss."""
    chosen = torch.randint(0, len(images), (options.batch,))
    x = images[chosen].float().div_(127.5).sub_(1).contiguous(memory_format=layout)
    loss = F.cross_entropy(model(x), labels[chosen])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for latent in latents:
            latent.clamp_(-1, 1)
    return loss.item()


if options.serve:
    print(json.dumps({"version": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
    for _ in sys.stdin:
        print(json.dumps({"loss": step()}), flush=True)
else:
    step()
    for _ in range(options.steps):
        began = time.perf_counter()
        loss = step()
        print(f"{1000 * (time.perf_counter() - began):.1f} ms, loss {loss:.3f}")
