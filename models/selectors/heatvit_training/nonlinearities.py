"""GELU, softmax and sigmoid: exact, or the approximations that the hardware computes (docs/numerics.md 4 to 6, in float).

The polynomials and their factors delta1 (GELU) and delta2 (softmax of attention) are the paper's, the piecewise linear
sigmoid is that of Amin, Curtis and Hayes-Gill (PLAN).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

LN2 = math.log(2.0)


def polynomial_gelu(x, delta1=1.0):
    t = (x.abs() * math.sqrt(0.5)).clamp(max=1.769) - 1.769
    erf = delta1 * (1.0 - 0.2888 * t * t)
    return 0.5 * x * (1.0 + torch.where(x < 0, -erf, erf))


def polynomial_exp(x):
    """exp(x) for x <= 0: a parabola over one octave, scaled by a power of two (which has no gradient of its own)."""
    z = torch.floor(-x / LN2).clamp(max=31.0).detach()
    t = x + z * LN2 + 1.353
    return torch.where(x < -32 * LN2, torch.zeros_like(x), (0.3585 * t * t + 0.344) * torch.exp2(-z))


def plan_sigmoid(x):
    a = x.abs()
    y = torch.where(a >= 1.0, a * 0.125 + 0.625, a * 0.25 + 0.5)
    y = torch.where(a >= 2.375, a * 0.03125 + 0.84375, y)
    y = torch.where(a >= 5.0, torch.ones_like(y), y)
    return torch.where(x < 0, 1.0 - y, y)


class _MaskedSoftmax(torch.autograd.Function):
    """softmax over the columns of weight 1, in few passes over the scores. A column of weight 0 has a gradient, too."""

    @staticmethod
    def forward(context, scores, policy):
        everywhere = torch.softmax(scores.float(), -1)
        weight = policy.float().expand(*scores.shape[:-2], 1, scores.shape[-1])
        total = everywhere @ weight.transpose(-1, -2)
        everywhere /= total.clamp_(min=1e-20)
        context.save_for_backward(everywhere, policy)
        return (everywhere * policy).to(scores.dtype)

    @staticmethod
    def backward(context, gradient):
        everywhere, policy = context.saved_tensors
        pull = gradient.float() * everywhere
        weight = policy.float().expand(*pull.shape[:-2], 1, pull.shape[-1])
        pull -= everywhere * (pull @ weight.transpose(-1, -2))
        of_policy = None
        if context.needs_input_grad[1]:
            over = [d for d in range(pull.dim()) if policy.shape[d] == 1 and pull.shape[d] != 1]
            of_policy = pull.sum(over, keepdim=True).to(policy.dtype)
        return pull.mul_(policy).to(gradient.dtype), of_policy


@dataclass(frozen=True)
class Nonlinearities:
    """polynomial False: the exact functions, and no factors."""

    polynomial: bool = False
    delta1: float = 1.0
    delta2: float = 1.0

    def __post_init__(self):
        if not self.polynomial and (self.delta1 != 1.0 or self.delta2 != 1.0):
            raise ValueError("delta factors belong to the polynomial non-linearities")

    def gelu(self, x):
        return polynomial_gelu(x, self.delta1) if self.polynomial else F.gelu(x)

    def sigmoid(self, x):
        return plan_sigmoid(x) if self.polynomial else torch.sigmoid(x)

    def softmax(self, scores, policy=None, delta=1.0):
        """Over the last dimension. `policy`: weights of the columns (1 kept, 0 gone), differentiable, or None for all.

        A column of weight 0 takes no part, as if it were not there; its gradient says what it would bring.
        """
        if not self.polynomial:
            return torch.softmax(scores, -1) if policy is None else _MaskedSoftmax.apply(scores, policy)
        top = scores.detach() if policy is None else scores.detach().masked_fill(policy.detach() <= 0, -math.inf)
        x = scores - top.amax(-1, keepdim=True)
        e = polynomial_exp(x.clamp(max=0.0)) if self.polynomial else torch.exp(x.clamp(max=0.0))
        if policy is not None:
            e = e * policy
        return e * (delta / e.sum(-1, keepdim=True).clamp(min=1e-12))

    def attention_softmax(self, scores, policy=None):
        return self.softmax(scores, policy, self.delta2)


EXACT = Nonlinearities()
POLYNOMIAL = Nonlinearities(polynomial=True)
