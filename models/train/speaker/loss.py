"""Additive angular margin softmax with sub-centres (Deng et al. 2019, 2020)."""
import math

import torch
import torch.nn.functional as F
from torch import nn


class SubCentreAAM(nn.Module):
    """Each class has k centres and the nearest counts: a wrong label or an odd line may keep a centre of its own."""

    def __init__(self, dims, classes, k=2, scale=30.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(k * classes, dims) * dims**-0.5)
        self.k, self.classes, self.scale = k, classes, scale

    def forward(self, embedding, label, margin):
        """Return the mean loss and the share of the batch whose class came first without margin."""
        cos = F.normalize(embedding) @ F.normalize(self.weight).t()
        cos = cos.view(-1, self.k, self.classes).max(1).values
        hit = (cos.argmax(1) == label).float().mean()
        row = torch.arange(len(label))
        own = cos[row, label].clamp(-1 + 1e-6, 1 - 1e-6)
        moved = own * math.cos(margin) - torch.sqrt(1 - own * own) * math.sin(margin)
        # past the angle where adding the margin would wrap around, a straight line keeps the order
        moved = torch.where(own > math.cos(math.pi - margin), moved, own - margin * math.sin(margin))
        cos = cos.index_put((row, label), moved)
        return F.cross_entropy(cos * self.scale, label), hit
