"""Additive angular margin softmax with sub-centres (Deng et al. 2019, 2020), its classes tied where they are one person."""
import math

import torch
import torch.nn.functional as F
from torch import nn


class SubCentreAAM(nn.Module):
    """Each speaker has k centres and the nearest counts: a wrong label or an odd line may keep a centre of its own.

    A class is a speaker in one of several voices (its speech faster, slower, through another vocal tract). A voice is a rotation of
    the embedding that all speakers share: it turns an embedding back to where the speaker's own voice lies. Most speakers have four
    seconds of speech; classes of their own would be seen nine times less often than their speaker is.
    """

    def __init__(self, dims, speakers, voices, k=2, scale=30.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(k * speakers, dims) * dims**-0.5)
        self.skew = nn.Parameter(torch.zeros(voices - 1, dims, dims))  # voice 0 is the speaker's own
        self.k, self.speakers, self.scale = k, speakers, scale

    def turned(self, e):
        """Unit embeddings [B, D] -> [B, voices, D], by the Cayley transform of a skew-symmetric matrix per voice."""
        s = self.skew - self.skew.transpose(1, 2)
        one = torch.eye(e.shape[1])
        q = torch.linalg.solve(one + s, one - s)  # orthogonal [voices-1, D, D]
        return torch.cat([e.unsqueeze(1), torch.einsum("bd,vde->bve", e, q)], 1)

    def forward(self, embedding, label, margin):
        """label is voice * speakers + speaker. Return the mean loss and the share of the batch whose class came first without margin."""
        cos = self.turned(F.normalize(embedding)) @ F.normalize(self.weight).t()  # [B, voices, k*speakers]
        cos = cos.view(*cos.shape[:2], self.k, self.speakers).max(2).values.flatten(1)
        hit = (cos.argmax(1) == label).float().mean()
        row = torch.arange(len(label))
        own = cos[row, label].clamp(-1 + 1e-6, 1 - 1e-6)
        moved = own * math.cos(margin) - torch.sqrt(1 - own * own) * math.sin(margin)
        # past the angle where adding the margin would wrap around, a straight line keeps the order
        moved = torch.where(own > math.cos(math.pi - margin), moved, own - margin * math.sin(margin))
        cos = cos.index_put((row, label), moved)
        return F.cross_entropy(cos * self.scale, label), hit
