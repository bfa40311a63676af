"""The networks: features [B, T, 40] -> embedding [B, 192].

Convolutions are written as matrix products over [B*T, k*C], in bfloat16 while training on processors that have it (about 2.5 times
as fast here as float32) and in float32 otherwise. Normalisation, activations and pooling are always float32.
"""
import torch
import torch.nn.functional as F
from torch import nn


class _Product16(torch.autograd.Function):
    """x @ w with bfloat16 operands and float32 result, forward and backward."""

    @staticmethod
    def forward(ctx, x, w):
        x, w = x.bfloat16(), w.bfloat16()
        ctx.save_for_backward(x, w)
        return (x @ w).float()

    @staticmethod
    def backward(ctx, grad):
        x, w = ctx.saved_tensors
        grad = grad.bfloat16()
        return (grad @ w.t()).float(), (x.t() @ grad).float()


class _Splice(torch.autograd.Function):
    """[B, T, C] -> [B, T', k*C]: each frame beside its neighbours, zeros beyond the ends. The copy is made in dtype."""

    @staticmethod
    def forward(ctx, x, k, dilation, stride, dtype):
        ctx.geometry = (x.shape, k, dilation, stride)
        t = x.shape[1]
        reach = dilation * (k - 1) // 2
        p = F.pad(x.to(dtype), (0, 0, reach, reach))
        return torch.cat([p[:, i * dilation : i * dilation + t : stride] for i in range(k)], -1)

    @staticmethod
    def backward(ctx, grad):
        (b, t, c), k, dilation, stride = ctx.geometry
        reach = dilation * (k - 1) // 2
        g = torch.zeros(b, t + 2 * reach, c)
        for i in range(k):
            g[:, i * dilation : i * dilation + t : stride] += grad[..., i * c : (i + 1) * c]
        return g[:, reach : reach + t], None, None, None, None


class Linear(nn.Module):
    """A dense layer without bias over the last dimension; weight is [in, out]."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) * (2.0 / n_in) ** 0.5)
        self.fast = False  # bfloat16 products

    def forward(self, x):
        flat = x.reshape(-1, x.shape[-1])
        y = _Product16.apply(flat, self.weight) if self.fast and self.training else flat.float() @ self.weight
        return y.view(x.shape[:-1] + (self.weight.shape[1],))


class Conv(Linear):
    """A convolution over time, zero padded: [B, T, C] -> [B, ceil(T/stride), out]; weight is [k*C, out], tap by tap."""

    def __init__(self, n_in, n_out, k=1, dilation=1, stride=1):
        super().__init__(k * n_in, n_out)
        self.k, self.dilation, self.stride = k, dilation, stride

    def forward(self, x):
        if self.k > 1 or self.stride > 1:
            dtype = torch.bfloat16 if self.fast and self.training else torch.float32
            x = _Splice.apply(x, self.k, self.dilation, self.stride, dtype)
        return super().forward(x)


class Norm(nn.BatchNorm1d):
    """Batch normalisation over all but the last dimension."""

    def forward(self, x):
        return super().forward(x.reshape(-1, x.shape[-1])).view(x.shape)


class SE(nn.Module):
    """Squeeze and excitation: channels are weighed by what the whole utterance looks like (Hu et al. 2018)."""

    def __init__(self, c, hidden):
        super().__init__()
        self.down, self.up = nn.Linear(c, hidden), nn.Linear(hidden, c)

    def forward(self, x):
        s = torch.relu(self.down(x.mean(1)))
        return x * torch.sigmoid(self.up(s)).unsqueeze(1)


class Block(nn.Module):
    """Dilated convolution, normalisation, activation, squeeze and excitation, around them the identity."""

    def __init__(self, c, dilation):
        super().__init__()
        self.conv, self.norm, self.se = Conv(c, c, 3, dilation), Norm(c), SE(c, c // 4)

    def forward(self, x):
        return x + self.se(torch.relu(self.norm(self.conv(x))))


class AttentivePooling(nn.Module):
    """Attentive statistics with the context of the utterance (Okabe et al. 2018; Desplanques et al. 2020): [B, T, C] -> [B, 2C]."""

    def __init__(self, c, hidden):
        super().__init__()
        self.frame, self.context = Conv(c, hidden), nn.Linear(2 * c, hidden)
        self.score = nn.Linear(hidden, c)

    def forward(self, x):
        mean = x.mean(1)
        deviation = torch.sqrt(((x - mean.unsqueeze(1)) ** 2).mean(1) + 1e-6)
        context = self.context(torch.cat([mean, deviation], -1)).unsqueeze(1)
        a = torch.softmax(self.score(torch.tanh(self.frame(x) + context)), dim=1)
        mean = (a * x).sum(1)
        square = (a * x * x).sum(1)
        return torch.cat([mean, torch.sqrt(torch.clamp(square - mean * mean, min=1e-6))], -1)


DILATIONS = (1, 2, 3, 4, 3, 2)


class TDNN(nn.Module):
    """Dilated residual TDNN after ECAPA: a frame every 20 ms, the outputs of several blocks joined before pooling."""

    def __init__(self, bands=40, c=256, dilations=DILATIONS, joined=384, hidden=96, dims=192):
        super().__init__()
        self.first, self.first_norm = Conv(bands, c, 5, stride=2), Norm(c)
        self.blocks = nn.ModuleList(Block(c, d) for d in dilations)
        self.join, self.join_norm = Conv(c * len(dilations), joined), Norm(joined)
        self.pool, self.pool_norm = AttentivePooling(joined, hidden), Norm(2 * joined)
        self.drop = nn.Dropout(0.2)
        self.embed, self.embed_norm = Linear(2 * joined, dims), Norm(dims)

    def forward(self, x):
        x = torch.relu(self.first_norm(self.first(x)))
        kept = []
        for block in self.blocks:
            x = block(x)
            kept.append(x)
        x = torch.relu(self.join_norm(self.join(torch.cat(kept, -1))))
        return self.embed_norm(self.embed(self.drop(self.pool_norm(self.pool(x)))))


class ResBlock(nn.Module):
    """Two 3x3 convolutions with squeeze and excitation and a shortcut, over [B, C, bands, T]."""

    def __init__(self, n_in, n_out, stride):
        super().__init__()
        self.a, self.a_norm = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out)
        self.b, self.b_norm = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False), nn.BatchNorm2d(n_out)
        self.se_down, self.se_up = nn.Linear(n_out, n_out // 4), nn.Linear(n_out // 4, n_out)
        self.cut = None
        if stride != 1 or n_in != n_out:
            self.cut, self.cut_norm = nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out)

    def forward(self, x):
        y = torch.relu(self.a_norm(self.a(x)))
        y = self.b_norm(self.b(y))
        s = torch.sigmoid(self.se_up(torch.relu(self.se_down(y.mean((2, 3))))))
        y = y * s[:, :, None, None]
        return torch.relu(y + (x if self.cut is None else self.cut_norm(self.cut(x))))


class ResNet(nn.Module):
    """A small residual network over the log-mel picture, three halvings, attentive pooling."""

    def __init__(self, bands=40, widths=(16, 32, 64, 96), depths=(2, 2, 3, 2), hidden=96, dims=192):
        super().__init__()
        self.first, self.first_norm = nn.Conv2d(1, widths[0], 3, (1, 2), 1, bias=False), nn.BatchNorm2d(widths[0])
        blocks, n_in = [], widths[0]
        for stage, (w, depth) in enumerate(zip(widths, depths, strict=True)):
            for k in range(depth):
                stride = 2 if stage > 0 and k == 0 else 1
                blocks.append(ResBlock(n_in, w, (stride, stride if stage < 3 else 1) if stride == 2 else 1))
                n_in = w
        self.blocks = nn.Sequential(*blocks)
        c = n_in * ((bands + 7) // 8)
        self.pool, self.pool_norm = AttentivePooling(c, hidden), Norm(2 * c)
        self.drop = nn.Dropout(0.2)
        self.embed, self.embed_norm = Linear(2 * c, dims), Norm(dims)

    def forward(self, x):
        x = torch.relu(self.first_norm(self.first(x.transpose(1, 2).unsqueeze(1))))
        x = self.blocks(x)  # [B, C, bands/8, T']
        x = x.permute(0, 3, 1, 2).reshape(x.shape[0], x.shape[3], -1)
        return self.embed_norm(self.embed(self.drop(self.pool_norm(self.pool(x)))))


NETS = {"tdnn": (TDNN, "mfcc"), "tdnn-fbank": (TDNN, "fbank"), "resnet": (ResNet, "fbank")}


def build(name):
    """Return the network of that name and the kind of features it takes."""
    make, kind = NETS[name]
    return make(), kind


def set_fast(net, fast):
    """Train with bfloat16 products from now on, or not."""
    for m in net.modules():
        if isinstance(m, Linear):
            m.fast = fast
