"""One training step of the binary vit32 in PyTorch on the CPU: the peer of bench/train/transformer.ts.

The network is ts/nn/models/vit32.ts with weights and activations quantised by "bnn": forward the sign (+1 at 0), backward
straight through where |x| <= 1, latent weights clipped to [-1, 1] after the update. Queries, keys and values are signs too.
The attention matrix is 1 where a share of the softmax is at least a quarter of its row's largest, and its gradient goes
through the softmax. Adam, cross entropy, random images of 32 x 32 x 3 bytes, taken out of memory, scaled and put into a batch
in every step, as our trainer does.

By itself it prints the milliseconds of some steps. With --serve it makes a step for every line on standard input and
answers with a line of JSON, so that bench/train/transformer.ts can take turns with our own steps.

  python3 bench/pytorch_vit32.py --threads 1 --steps 5
"""

import argparse
import json
import os
import sys
import time

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--batch", type=int, default=64)
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

DIM, DEPTH, HEADS, RATIO, PATCH, TOKENS = 128, 6, 4, 2, 4, 64


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


class Quarter(torch.autograd.Function):
    """1 where a share is at least a quarter of its row's largest; its gradient passes."""

    @staticmethod
    def forward(ctx, p):
        return (p >= p.amax(-1, keepdim=True) / 4).float()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Norm(nn.BatchNorm1d):
    """Batch norm over all tokens of the batch."""

    def forward(self, x):
        return super().forward(x.reshape(-1, x.shape[-1])).view_as(x)


class Linear(nn.Module):
    """The signs of the input times the signs of the weights, and a batch norm."""

    def __init__(self, inputs, units):
        super().__init__()
        self.latent, self.norm = nn.Parameter(torch.empty(units, inputs).uniform_(-0.1, 0.1)), Norm(units)

    def forward(self, x):
        return self.norm(F.linear(Sign.apply(x), Sign.apply(self.latent)))


class Attention(nn.Module):
    """Attention of signs, whose matrix is 0 or 1."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.proj = (Linear(DIM, DIM) for _ in range(4))
        self.norm = Norm(DIM)

    def forward(self, x):
        def heads(linear):
            return Sign.apply(linear(x)).view(-1, TOKENS, HEADS, DIM // HEADS).transpose(1, 2)

        q, k, v = heads(self.q), heads(self.k), heads(self.v)
        p = (q @ k.transpose(-2, -1) / (DIM // HEADS) ** 0.5).softmax(-1)
        mixed = (Quarter.apply(p) @ v).transpose(1, 2).reshape(-1, TOKENS, DIM)
        return self.proj(self.norm(mixed))


class Block(nn.Module):
    """x + attention(norm(x)), then x + MLP(norm(x)); signs stand in the place of GELU."""

    def __init__(self):
        super().__init__()
        self.norm1, self.attention, self.norm2 = Norm(DIM), Attention(), Norm(DIM)
        self.mlp = nn.Sequential(Linear(DIM, RATIO * DIM), Linear(RATIO * DIM, DIM))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Vit32(nn.Module):
    """Patches of 4 x 4, learned positions, six blocks, a norm, the mean of the tokens, dense."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, DIM, PATCH, PATCH)
        self.positions = nn.Parameter(0.02 * torch.randn(TOKENS, DIM))
        self.blocks, self.norm = nn.Sequential(*(Block() for _ in range(DEPTH))), Norm(DIM)
        self.head = nn.Linear(DIM, 10)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        return self.head(self.norm(self.blocks(tokens)).mean(1))


model = Vit32()
layout = torch.channels_last if options.channels_last else torch.contiguous_format
latents = [module.latent for module in model.modules() if isinstance(module, Linear)]
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
