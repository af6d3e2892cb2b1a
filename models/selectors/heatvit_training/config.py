"""Sizes of a vision transformer, as data: the descriptions of docs/networks.md, as far as networks can be trained here."""

import json
import os
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
    predictor: str = "heatvit"  # or dynamicvit: one head, and no package token

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
                tokens = 1 + count
                if self.predictor == "heatvit":
                    tokens = tokens + (dropped.clamp(0, 1) if hasattr(dropped, "clamp") else min(1, dropped))
            linear = tokens * (4 * self.dim * self.dim + 2 * self.dim * self.hidden)
            total = total + linear + 2 * tokens * tokens * self.dim
        return total

    def _selector_macs_a_token(self):
        if self.predictor == "dynamicvit":
            return self.dim * self.dim + self.dim * self.dim // 2 + self.dim * self.dim // 8 + self.dim // 2
        d, h = self.head_dim, max(1, self.heads // 2)
        return self.heads * (d * d // 2 + d * d // 2 + d * d // 8 + d // 2) + 2 * self.heads * h




def _zoo():
    """The shipped descriptions: of the checkout, or of the installation that the simulator's package knows."""
    beside = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "zoo")
    if os.path.isdir(beside):
        return beside
    from heatvit import program

    return os.path.join(program.home(), "models", "zoo")


ZOO = _zoo()

# Fields of a description that the training's backbone has one value of.
ONLY = {
    "activation": "gelu",
    "residual_divisor": 1,
    "tokens": ["class"],
    "registers": 0,
    "pooling": "class",
    "classifier": "one",
    "layer_scale": False,
    "stem": [],
}
ONLY_INPUT = {"interpolation": "bicubic", "resize": "short_side"}
NOT_READ = {"name", "source", "class_list", "class_names", "weights"}
FIELDS = {"depth", "dim", "heads", "mlp_hidden", "mlp_ratio", "image_size", "patch_size", "classes", "qkv_bias",
          "layernorm_epsilon", "selectors", "input"}


def from_description(fields, origin):
    """A ModelConfig of a description (docs/networks.md). What cannot be trained here is refused by its field."""
    if not isinstance(fields, dict):
        raise ValueError(f"{origin}: a JSON object is needed")
    given = fields.get("input") or {}
    for known, values in ((ONLY, fields), (ONLY_INPUT, given)):
        for field, only in known.items():
            value = values.get(field)
            if value is not None and value != only:
                raise ValueError(f"{origin}: '{field}' is {json.dumps(value)}, networks are trained here with "
                                 f"{json.dumps(only)} alone")
    unknown = set(fields) - set(ONLY) - NOT_READ - FIELDS
    if unknown:
        raise ValueError(f"{origin}: there is no field '{sorted(unknown)[0]}' (docs/networks.md)")
    for field in ("depth", "dim", "heads"):
        if not isinstance(fields.get(field), int) or fields[field] < 1:
            raise ValueError(f"{origin}: field '{field}': a whole number is needed")
    dim, depth = fields["dim"], fields["depth"]
    optional = {"image_size": "image_size", "patch_size": "patch", "classes": "classes", "qkv_bias": "qkv_bias",
                "layernorm_epsilon": "ln_eps"}
    values = {attribute: fields[field] for field, attribute in optional.items() if fields.get(field) is not None}
    for field in ("mean", "std"):
        if given.get(field) is not None:
            values[field] = tuple(given[field])
    if given.get("crop") is not None:
        values["crop"] = given["crop"]
    return ModelConfig(fields.get("name") or origin, dim=dim, heads=fields["heads"], depth=depth,
                       mlp_hidden=fields.get("mlp_hidden") or round(dim * fields.get("mlp_ratio", 4)),
                       selectors=tuple(fields.get("selectors") or ()), **values)


CONFIGS = {}  # besides the descriptions of models/zoo


def find(name):
    """A network of models/zoo, or of a description FILE.json."""
    if name in CONFIGS:
        return CONFIGS[name]
    shipped = os.path.join(ZOO, name + ".json")
    path = name if name.endswith(".json") else shipped
    if not os.path.isfile(path):
        known = sorted(file[:-5] for file in os.listdir(ZOO) if file.endswith(".json"))
        raise ValueError(f"unknown model '{name}'; known: {', '.join(known)}, or a description FILE.json")
    with open(path, encoding="utf-8-sig") as stream:
        try:
            fields = json.load(stream)
        except ValueError:
            raise ValueError(f"{path}: is not JSON") from None
    return from_description(fields, name)
