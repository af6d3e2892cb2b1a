"""Vision transformers of the DeiT family with HeatViT's token selectors, in PyTorch: models and their training.

    config            sizes of a network, as data
    backbone          the vision transformer, timm's tensor names
    selector          the attention-based multi-head token selector and the package token
    pruned            backbone and selectors together: masked (training) and gathered (evaluation) passes
    nonlinearities    GELU, softmax and sigmoid, exact or the hardware's polynomials, with delta1 and delta2
    quantisation      fake quantisation with straight-through gradients; ranges of activations
    latency_table     latency as a differentiable function of keep ratios
    losses            distillation, classification, latency, keep ratio
    data              image folders, splits by class, augmentation, cached crops
    strategy          the latency-aware multi-stage strategy
    export            safetensors files that the simulator reads
    simulation        the simulator's Python package, found and asked about images
    tensors           reading and writing safetensors
    thresholds        keep decisions moved as a whole, towards a latency
    twin              the integers of the hardware, exactly (docs/numerics.md)

Put the folder above this one on sys.path: `from heatvit_training.backbone import VisionTransformer`.
"""
