"""Keep decisions moved as a whole: one constant for all tokens of all selectors."""

import numpy


def shifted(arrays, amount):
    """Tensors of a selector file with the keep logit of every token moved by `amount` against the drop logit."""
    half = numpy.array([0.5, -0.5], numpy.float32) * amount
    return {name: (array + half).astype("<f4") if name.endswith(".keep.bias") else array for name, array in arrays.items()}


def approach(measure, target, tolerance=0.005, first=0.3, steps=12):
    """(amount, value): measure(amount) rises and is to come within `tolerance` of the target, relative; regula falsi with a
    step of at least a tenth of the bracket. Where it does not within `steps`, the closest."""
    points, at = [], 0.0
    for _ in range(steps):
        points.append((measure(at) / target - 1, at))
        if abs(points[-1][0]) <= tolerance:
            break
        below = max((p for p in points if p[0] < 0), default=None)
        above = min((p for p in points if p[0] >= 0), default=None)
        if below and above:
            share = -below[0] / (above[0] - below[0])
            at = below[1] + min(max(share, 0.1), 0.9) * (above[1] - below[1])
        else:
            at += first if below else -first
            first *= 1.5
    error, best = min(points, key=lambda point: abs(point[0]))
    return best, (1 + error) * target


def closest(measure, target, low, high):
    """The integer in [low, high] whose measure(), which falls, is closest to the target."""
    from functools import lru_cache

    at = lru_cache(maxsize=None)(measure)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if at(middle) > target else (low, middle)
    return min((low, high), key=lambda count: abs(at(count) - target))
