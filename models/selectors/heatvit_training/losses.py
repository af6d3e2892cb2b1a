"""What training minimises. Every loss is a mean over the images of a batch."""

import torch
import torch.nn.functional as F


def distillation(logits, teacher_logits, temperature=1.0):
    """Kullback-Leibler divergence of the student from the unpruned model, times temperature^2."""
    student = F.log_softmax(logits / temperature, -1)
    teacher = F.log_softmax(teacher_logits / temperature, -1)
    return F.kl_div(student, teacher, reduction="batchmean", log_target=True) * temperature**2


def feature_distance(features, teacher_features):
    """Mean square difference, relative to the mean square of the teacher's."""
    return F.mse_loss(features, teacher_features) / teacher_features.pow(2).mean().clamp(min=1e-6)


def token_distance(tokens, teacher_tokens, mask):
    """feature_distance over the rows that stay: CLS and the kept patches. mask: (images, patches)."""
    rows = torch.cat((mask.new_ones(len(mask), 1), mask.detach()), 1)[:, :, None]
    difference = (tokens[:, : rows.shape[1]] - teacher_tokens).pow(2) * rows
    return difference.sum() / (teacher_tokens.pow(2) * rows).sum().clamp(min=1e-6)


def cls_distance(rows, teacher_rows):
    """feature_distance of CLS behind each block, mean of the blocks. teacher_rows: (images, blocks, dim)."""
    wanted = teacher_rows.float()
    difference = (torch.stack(rows, 1).float() - wanted).pow(2).mean((0, 2))
    return (difference / wanted.pow(2).mean((0, 2)).clamp(min=1e-6)).mean()


def margin(logits):
    """Difference of the two best logits of each image: the smaller, the harder."""
    best = logits.topk(2, -1).values
    return best[:, 0] - best[:, 1]


def adaptivity(kept, teacher_logits, spread):
    """Mean square distance of each image's kept patches, relative to the batch's mean, from 1 + spread x how hard it is: from -1,
    the easiest of the batch for the unpruned network, to 1. kept: (images, selectors)."""
    order = margin(teacher_logits).argsort().argsort().to(kept.dtype)
    hard = 1 - 2 * order / max(1, len(kept) - 1)
    relative = kept / kept.detach().mean(0).clamp(min=1.0)
    return (relative - (1 + spread * hard)[:, None]).pow(2).mean()


def classification(logits, labels, smoothing=0.1):
    return F.cross_entropy(logits, labels, label_smoothing=smoothing)


def latency(kept, table, patches, target_ms):
    """Square of the relative distance of the batch's mean latency from the target.

    kept: (images, selectors) patches that stay. The mean over the batch, so that images may differ.
    """
    milliseconds = table(kept / patches).mean()
    return (milliseconds / target_ms - 1).pow(2).float(), float(milliseconds.detach())


def keep_ratio(kept, patches, targets):
    """Mean square distance of each selector's mean keep ratio from its target (cumulative)."""
    ratio = (kept / patches).mean(0)
    return (ratio - ratio.new_tensor(targets)).pow(2).mean()


def undecided(scores, candidates):
    """Mean of 4 s (1 - s) over the candidates: near zero when scores are decided, so that threshold and sampling agree."""
    total = sum((4 * score * (1 - score) * weight).sum() for score, weight in zip(scores, candidates))
    return total / sum(weight.sum() for weight in candidates)


def sharpness(scores, masks):
    """`undecided` where no row was left out: the candidates of a selector are those that the one before it kept."""
    return undecided(scores, [torch.ones_like(scores[0]), *(mask.detach() for mask in masks[:-1])])
