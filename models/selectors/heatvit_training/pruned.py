"""Backbone and token selectors together.

Training works on all rows with a policy that says who is still there, so that a dropped token keeps a gradient: it tells
what the token would have brought. Evaluation gathers: a dropped token is gone, as on the hardware. Both give the same
logits for the same decisions.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import nn

from .nonlinearities import EXACT, Nonlinearities
from .quantisation import apply_probe, linear
from .selector import PREDICTORS, gumbel_keep, logistic, logit_of, package_token, threshold


@dataclass
class PrunedOutput:
    logits: torch.Tensor  # (images, classes)
    features: torch.Tensor  # (images, dim): CLS after the last LayerNorm
    scores: list = field(default_factory=list)  # a selector: (images, patches)
    masks: list = field(default_factory=list)  # a selector: (images, patches), 1 kept, cumulative, differentiable
    cls: list = field(default_factory=list)  # (images, dim): CLS behind each block from prefix_block on, but for the last
    candidates: list = field(default_factory=list)  # a selector: the mask in front of it
    tokens: torch.Tensor = None  # (images, rows, dim): the stream before the last block, or where `until` ends

    def kept(self):
        """(images, selectors): patches that stay, differentiable."""
        return torch.stack([mask.sum(1) for mask in self.masks], 1)


@dataclass
class Decision:
    """How a score becomes keep or drop: the threshold, or Gumbel-softmax."""

    sample: bool = False
    temperature: float = 1.0
    noise: float = 1.0
    generator: torch.Generator = None

    def __call__(self, score):
        return gumbel_keep(score, self.temperature, self.noise, self.generator) if self.sample else threshold(score)


@dataclass
class Quota:
    """Keeps a share of all patches of a batch, whatever the scores' level: the keep logits are shifted until that many pass the
    threshold, as a file of thresholds does it for a whole set of images. Images differ, the batch does not.

    ratios: cumulative, a selector each. noise: see gumbel_keep; 0: the threshold, without gradients of the relaxation.
    shifts: what was added, of the last pass.
    """

    ratios: tuple
    noise: float = 1.0
    generator: torch.Generator = None
    shifts: list = field(default_factory=list)

    def choose(self, stage, selector, parts, functions, mask, patches):
        """(keep, score of all rows) for the candidates `mask`, of `patches` an image."""
        logits, head = parts
        columns = slice(1, 1 + mask.shape[1])
        noise = self.noise * logistic(mask.shape, self.generator) if self.noise > 0 else torch.zeros_like(mask)
        wanted = min(self.ratios[stage] * patches * len(mask), float(mask.detach().sum()))
        with torch.no_grad():
            there = mask.detach() > 0.5
            plain, few, noises = logits.detach()[:, columns][there], head.detach()[:, columns][there], noise[there]
            low, high = -64.0, 64.0  # trained logits go beyond 20
            for _ in range(17):
                middle = (low + high) / 2
                passed = logit_of(selector.combined(plain, few, functions, middle)) + noises >= 0
                low, high = (low, middle) if float(passed.sum()) >= wanted else (middle, high)
        self.shifts[stage:] = [high]
        score = selector.combined(logits, head, functions, self._following(selector, logits, head, functions, high, noise, mask))
        logit = logit_of(score[:, columns]) + noise
        hard = (logit >= 0).to(score.dtype)
        soft = torch.sigmoid(logit)
        return mask * (hard + soft - soft.detach()), score

    @staticmethod
    def _following(selector, logits, head, functions, shift, noise, mask):
        """The shift with its gradient: it follows the logits so that the share of the quota stays. Without that every token
        would gain by keeping more of them all, and the level of the logits would drift for ever."""
        columns = slice(1, 1 + mask.shape[1])
        logit = logit_of(selector.combined(logits, head, functions, shift)[:, columns])
        with torch.no_grad():
            up, down = (logit_of(selector.combined(logits, head, functions, shift + step)[:, columns]) for step in (0.01, -0.01))
            soft = torch.sigmoid(logit + noise)
            weight = soft * (1 - soft) * mask
            rise = (weight * (up - down) / 0.02).sum().clamp(min=1e-6)
        moved = (weight * logit).sum()
        return shift - (moved - moved.detach()) / rise


def candidates_of(x, mask):
    """(images, rows) of the stream in front of a selector: `mask` for the patches, 0 for CLS and package token."""
    zeros = mask.new_zeros(len(x), 1)
    return torch.cat((zeros, mask) + ((zeros,) if x.shape[1] - 1 > mask.shape[1] else ()), 1)


class PrunedViT(nn.Module):
    """`functions`: of the backbone. The selectors use the hardware's polynomials, with the same delta1.

    predictor: heatvit, or dynamicvit, which has no package token. positions: of the selectors, default the backbone's. prefix_block:
    where `prefix` ends, default at the first selector.
    """

    def __init__(self, backbone, functions=EXACT, use_package=True, positions=None, prefix_block=None, predictor="heatvit"):
        super().__init__()
        self.config = backbone.config if positions is None else backbone.config.with_selectors(positions)
        self.config = replace(self.config, predictor=predictor)
        self.prefix_block = prefix_block or (self.config.selectors or (1,))[0]
        if self.prefix_block > (self.config.selectors or (self.config.depth,))[0]:
            raise ValueError(f"crops are computed up to block {self.prefix_block}, behind a selector: {self.config.selectors}")
        self.backbone = backbone
        self.functions = functions
        self.selector_functions = Nonlinearities(True, functions.delta1, 1.0)
        self.use_package = use_package and predictor == "heatvit"
        self.selectors = nn.ModuleList(PREDICTORS[predictor](self.config) for _ in self.config.selectors)

    def tuned_parameters(self):
        """Name -> parameter of the backbone that fine-tuning may change: LayerNorms and biases behind prefix_block's input, and
        the differences of add_differences. Few enough for some hundred images, and enough for the network to get used to
        package tokens and missing tokens."""
        blocks = [f"blocks.{number - 1}." for number in range(self.prefix_block, self.config.depth + 1)]
        return {name: parameter for name, parameter in self.backbone.named_parameters()
                if (parameter.dim() == 1 and name.startswith((*blocks, "norm."))) or name.endswith((".up", ".down"))}

    def add_differences(self, rank, generator=None):
        """Every matrix of the blocks from prefix_block on gets a difference of this rank, of zero at first."""
        for number in range(self.prefix_block, self.config.depth + 1):
            block = self.backbone.blocks[number - 1]
            for layer in (block.attn.qkv, block.attn.proj, block.mlp.fc1, block.mlp.fc2):
                layer.add_difference(rank, generator)

    def prefix(self, images, probe=None):
        """The stream in front of prefix_block: it depends on the backbone alone, so it can be kept."""
        x = self.backbone.embed(images, probe)
        for number in range(1, self.prefix_block):
            x = self.backbone.block(number, x, None, self.functions, probe)
        return x

    def forward(self, images, decide=None, probe=None):
        return self.from_prefix(self.prefix(images, probe), decide, probe)

    def from_prefix(self, x, decide=None, probe=None, scorer=None, spare=None, until=None):
        """Masked pass from `prefix` on. decide: a Decision, default the threshold. scorer(stage, x, candidates, mask) may
        replace the selectors: returns keep masks over the patches and the scores that weight the package token.

        spare: dropped patches of an image that go on for the sake of their gradients, the best-scored ones; None: all.
        With a limit the masks of later selectors have only the columns of the patches that went on.

        until: ends in front of this selector (from 0); the output has its candidates' mask and the stream, `tokens`, alone.
        """
        decide = decide or Decision()
        patches = self.config.patches
        output = PrunedOutput(None, None)
        mask, policy, has_package = x.new_ones(len(x), patches), None, x.new_zeros(len(x), 1)
        for number in range(self.prefix_block, self.config.depth + 1):
            if number in self.config.selectors:
                stage = self.config.selectors.index(number)
                if stage == until:
                    output.tokens, output.candidates = x, [mask]
                    return output
                x, mask, has_package = self._select(stage, x, mask, has_package, decide, probe, scorer, output)
                if spare is not None:
                    x, mask = self._thin_out(x, mask, output.scores[-1], spare)
                policy = torch.cat((mask.new_ones(len(x), 1), mask, has_package), 1)
            last = number == self.config.depth
            if last:
                output.tokens = x
            x = self.backbone.block(number, x, policy, self.functions, probe, queries=1 if last else None)
            if not last:
                output.cls.append(x[:, 0])
        output.features = self.backbone.features(x, probe)
        output.logits = linear(self.backbone.head, output.features, probe)
        return output

    @torch.autocast("cpu", enabled=False)  # scores next to 0 or 1 and sums of them need float32
    def _select(self, stage, x, mask, has_package, decide, probe, scorer, output):
        zeros = mask.new_zeros(len(x), 1)
        rows = x.shape[1] - 1
        candidates = candidates_of(x, mask)
        if scorer is None:
            name = f"selector.{stage + 1}."
            selector = self.selectors[stage]
            if isinstance(decide, Quota):
                parts = selector.parts(x, candidates, self.selector_functions, probe, name)
                keep, score = decide.choose(stage, selector, parts, self.selector_functions, mask, self.config.patches)
            else:
                score = selector(x, candidates, self.selector_functions, probe, name)
                keep = mask * decide(score[:, 1 : 1 + mask.shape[1]])
        else:
            keep, score = scorer(stage, x, candidates, mask)
        output.scores.append(score[:, 1 : 1 + mask.shape[1]])
        output.masks.append(keep)
        output.candidates.append(mask.detach())
        packaged = torch.cat((zeros, mask - keep) + ((has_package,) if rows > mask.shape[1] else ()), 1)
        token, has_package = package_token(x, score, packaged)
        if not self.use_package:
            token, has_package = torch.zeros_like(token), torch.zeros_like(has_package)
        token = apply_probe(probe, "residual", token)
        return torch.cat((x[:, : 1 + mask.shape[1]], token), 1), keep, has_package

    @staticmethod
    def _thin_out(x, mask, score, spare):
        """Rows CLS, the kept patches with up to `spare` dropped ones of the fullest image, package; in order."""
        count = min(mask.shape[1], int(mask.detach().sum(1).max()) + spare)
        if count == mask.shape[1]:
            return x, mask
        best = (2 * mask.detach() + score.detach()).topk(count, 1).indices.sort(1).values
        cls = best.new_zeros(len(x), 1)
        rows = torch.cat((cls, best + 1, cls + x.shape[1] - 1), 1)
        return x.gather(1, rows[:, :, None].expand(-1, -1, x.shape[2])), mask.gather(1, best)

    @torch.no_grad()
    def evaluate_one(self, image, probe=None):
        """One image (3, size, size), gathered: logits, kept patch indices after each selector, tokens entering each block."""
        x = self.backbone.embed(image[None], probe)
        patches, has_package = torch.arange(self.config.patches), False
        kept, tokens = [], []
        for number in range(1, self.config.depth + 1):
            if number in self.config.selectors:
                stage = self.config.selectors.index(number)
                x, patches, has_package = self._gather(stage, x, patches, has_package, probe)
                kept.append(patches.tolist())
            tokens.append(x.shape[1])
            x = self.backbone.block(number, x, None, self.functions, probe)
        return linear(self.backbone.head, self.backbone.features(x, probe), probe)[0], kept, tokens

    def _gather(self, stage, x, patches, has_package, probe):
        count = len(patches)
        candidates = torch.zeros(1, x.shape[1])
        candidates[:, 1 : 1 + count] = 1.0
        score = self.selectors[stage](x, candidates, self.selector_functions, probe, f"selector.{stage + 1}.")
        keep = torch.zeros(1, x.shape[1])
        keep[:, 1 : 1 + count] = threshold(score[:, 1 : 1 + count])
        packaged = 1.0 - keep
        packaged[:, 0] = 0.0
        token, there = package_token(x, score, packaged)
        rows = torch.cat((torch.zeros(1, dtype=torch.long), torch.nonzero(keep[0])[:, 0]))
        parts = [x[:, rows]]
        there = self.use_package and bool(there.item() > 0)
        if there:
            parts.append(apply_probe(probe, "residual", token))
        return torch.cat(parts, 1), patches[rows[1:] - 1], there
