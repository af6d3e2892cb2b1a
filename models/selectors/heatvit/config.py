"""Sizes of a vision transformer, as data. The rows agree with models/zoo/zoo.cpp."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class ModelConfig:
    name: str
    dim: int
    heads: int
    depth: int = 12
    image_size: int = 224  # square, pixels
    patch: int = 16  # square, pixels
    classes: int = 1000
    mlp_hidden: int = 0  # 0: 4 dim
    qkv_bias: bool = True
    ln_eps: float = 1e-6
    crop: float = 0.875  # share of the short side that the centre crop of an image keeps
    mean: tuple = (0.485, 0.456, 0.406)  # of pixel / 255
    std: tuple = (0.229, 0.224, 0.225)
    selectors: tuple = (4, 7, 10)  # before these blocks, counting from 1

    def __post_init__(self):
        if self.image_size % self.patch or self.dim % self.heads:
            raise ValueError(f"{self.name}: patch must divide image_size, and heads dim")
        if list(self.selectors) != sorted(set(self.selectors)) or any(not 1 <= s <= self.depth for s in self.selectors):
            raise ValueError(f"{self.name}: selector positions must rise within 1..{self.depth}: {self.selectors}")

    @property
    def patches(self):
        return (self.image_size // self.patch) ** 2

    @property
    def tokens(self):
        return self.patches + 1

    @property
    def head_dim(self):
        return self.dim // self.heads

    @property
    def hidden(self):
        return self.mlp_hidden or 4 * self.dim

    def with_selectors(self, positions):
        return replace(self, selectors=tuple(positions))

    def macs(self, kept=()):
        """Multiply-accumulates of an image: `kept` patches after each selector (numbers or tensors); none: unpruned.

        Counts what run_sim counts: all matrix products, those of the selectors included.
        """
        tokens, total = self.tokens, self.patches * 3 * self.patch**2 * self.dim + self.dim * self.classes
        for block in range(1, self.depth + 1):
            if kept and block in self.selectors:
                total = total + tokens * self._selector_macs_a_token()
                count = kept[self.selectors.index(block)]
                dropped = self.patches - count
                tokens = 1 + count + (dropped.clamp(0, 1) if hasattr(dropped, "clamp") else min(1, dropped))
            linear = tokens * (4 * self.dim * self.dim + 2 * self.dim * self.hidden)
            total = total + linear + 2 * tokens * tokens * self.dim
        return total

    def _selector_macs_a_token(self):
        d, h = self.head_dim, max(1, self.heads // 2)
        return self.heads * (d * d // 2 + d * d // 2 + d * d // 8 + d // 2) + 2 * self.heads * h


CONFIGS = {
    config.name: config
    for config in (
        ModelConfig("deit-t", dim=192, heads=3),
        ModelConfig("deit-s", dim=384, heads=6),
        ModelConfig("deit-b", dim=768, heads=12),
        ModelConfig("deit-micro", dim=96, heads=3, depth=6, image_size=64, patch=8, classes=16, mlp_hidden=192, crop=1.0,
                    selectors=(3, 4, 5)),
    )
}


def find(name):
    if name not in CONFIGS:
        raise ValueError(f"unknown model '{name}'; known: {', '.join(sorted(CONFIGS))}")
    return CONFIGS[name]
