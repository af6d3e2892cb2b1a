"""Tests of models/selectors/heatvit_training, on a small network: modules.py HOME. Fails with an AssertionError."""

import json
import os
import sys
import tempfile

home = sys.argv[1]
sys.path.insert(0, home + "/models/selectors")
from heatvit_training import runtime  # noqa: E402

runtime.configure(1, 7)
import numpy  # noqa: E402
import torch  # noqa: E402
from heatvit_training import config, data, export, losses, nonlinearities, pruned, quantisation, selector, tensors  # noqa: E402
from heatvit_training.backbone import VisionTransformer  # noqa: E402

SMALL = config.ModelConfig("small", dim=32, heads=2, depth=4, image_size=32, patch=8, classes=5, selectors=(2, 3))


def small_model(functions=nonlinearities.EXACT):
    torch.manual_seed(3)
    model = pruned.PrunedViT(VisionTransformer(SMALL), functions)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.8 if name.startswith("selectors") else 0.3))
    images = torch.randn(6, 3, 32, 32)
    for stage, share in enumerate((0.7, 0.4)):
        got = selector.shift_to_share(model.selectors[stage], lambda: float(model(images).masks[stage].mean()), share)
        assert abs(got) < 16 and abs(float(model(images).masks[stage].mean()) - share) < 0.1
    return model


def close(a, b, tolerance):
    difference = float((torch.as_tensor(a) - torch.as_tensor(b)).abs().max())
    assert difference <= tolerance, (difference, tolerance)


def masked_and_gathered_passes_agree():
    for functions in (nonlinearities.EXACT, nonlinearities.Nonlinearities(True, 0.5, 0.5)):
        model, images = small_model(functions), torch.randn(6, 3, 32, 32)
        output = model(images)
        counts = output.kept()
        assert 0 < counts.mean() < SMALL.patches and len(set(counts[:, 1].tolist())) > 1, counts
        for i, image in enumerate(images):
            logits, kept, tokens = model.evaluate_one(image)
            close(logits, output.logits[i], 1e-4)
            assert [len(k) for k in kept] == counts[i].long().tolist()
            assert kept == [torch.nonzero(mask[i])[:, 0].tolist() for mask in output.masks]
            thin = model.from_prefix(model.prefix(images), spare=1)
            close(thin.logits, output.logits, 1e-4)
            assert torch.equal(thin.kept(), counts)
            assert tokens[-1] == 1 + len(kept[-1]) + (len(kept[-1]) < SMALL.patches)


def nothing_but_cls_and_package_may_remain():
    model, images = small_model(), torch.randn(3, 3, 32, 32)
    for each in model.selectors:
        each.shift(-100.0)
    output = model.from_prefix(model.prefix(images), spare=0)
    assert output.kept().abs().sum() == 0
    close(output.logits, model(images).logits, 1e-4)


def without_selectors_that_drop_nothing_changes():
    model, images = small_model(), torch.randn(2, 3, 32, 32)
    for each in model.selectors:
        each.shift(100.0)
    close(model(images).logits, model.backbone(images), 1e-4)


def nonlinearities_follow_the_specification():
    x = torch.linspace(-8, 8, 4001)
    close(nonlinearities.polynomial_gelu(x), torch.nn.functional.gelu(x), 0.02)
    close(nonlinearities.plan_sigmoid(x), torch.sigmoid(x), 0.02)
    close(nonlinearities.polynomial_exp(-x.abs()), torch.exp(-x.abs()), 0.005)
    # delta1 mixes GELU with the line x / 2
    half = nonlinearities.polynomial_gelu(x, 0.5)
    close(half, 0.5 * nonlinearities.polynomial_gelu(x) + 0.25 * x, 1e-5)
    scores, policy = torch.randn(3, 7), torch.tensor([1.0, 0, 1, 1, 0, 1, 1])
    for functions in (nonlinearities.EXACT, nonlinearities.POLYNOMIAL):
        full = functions.softmax(scores, policy)
        close(full[:, policy > 0], functions.softmax(scores[:, policy > 0]), 1e-6)
        close(full[:, policy == 0], 0.0, 0.0)


def gumbel_samples_have_the_scores_probabilities():
    score = torch.tensor([0.1, 0.5, 0.9]).expand(20000, 3)
    close(selector.gumbel_keep(score).mean(0), score[0], 0.02)
    assert selector.gumbel_keep(score[:2], noise=0).tolist() == [[0, 1, 1]] * 2
    leaf = torch.full((4,), 0.4, requires_grad=True)
    selector.gumbel_keep(leaf).sum().backward()
    assert (leaf.grad > 0).all()


def package_is_the_weighted_mean():
    x, score = torch.randn(2, 5, 4), torch.rand(2, 5)
    packaged = torch.tensor([[0, 1.0, 0, 1, 0], [0, 0, 0, 0, 0]])
    token, there = selector.package_token(x, score, packaged)
    expected = (score[0, 1] * x[0, 1] + score[0, 3] * x[0, 3]) / (score[0, 1] + score[0, 3])
    close(token[0, 0], expected, 1e-5)
    assert there[:, 0].tolist() == [1, 0]
    close(selector.package_token(x, score * 0, packaged)[0][0, 0], (x[0, 1] + x[0, 3]) / 2, 1e-5)


def gradients_reach_every_selector():
    model, images = small_model(), torch.randn(4, 3, 32, 32)
    output = model(images, pruned.Decision(sample=True))
    loss = losses.distillation(output.logits, model.backbone(images).detach())
    loss = loss + losses.keep_ratio(output.kept(), SMALL.patches, (0.5, 0.25)) + losses.sharpness(output.scores, output.masks)
    close(losses.sharpness(output.scores, output.masks), losses.undecided(output.scores, output.candidates), 1e-6)
    loss.backward()
    for name, parameter in model.selectors.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0 or "head" in name, name


def fake_quantisation_is_fine_and_straight_through():
    model, images = small_model(), torch.randn(4, 3, 32, 32)
    recorder = quantisation.RangeRecorder()
    with torch.no_grad():
        exact = model(images, probe=recorder)
        rounded = model(images, probe=quantisation.FakeQuantizer(recorder.ranges))
    assert "block.1.qkv.in" in recorder.ranges and "selector.2.head1.in" in recorder.ranges and "residual" in recorder.ranges
    error = (rounded.logits - exact.logits).abs().mean() / exact.logits.abs().mean()
    assert 0 < error < 0.5, error
    x = torch.tensor([0.3, 9.0], requires_grad=True)
    y = quantisation.fake_quantize(x, 0.01)
    close(y, torch.tensor([0.3, 1.27]), 1e-6)
    y.sum().backward()
    assert x.grad.tolist() == [1, 0]


def means_of_files_are_read(folder, model, path):
    one, other = pruned.PrunedViT(VisionTransformer(SMALL)), pruned.PrunedViT(VisionTransformer(SMALL))
    tuned = {"tuned.blocks.1.norm1.bias": numpy.full(SMALL.dim, 0.25, numpy.float16)}
    export.save_selectors(one, folder + "/one.safetensors", {}, "a test", tuned=tuned)
    before = other.backbone.blocks[1].norm1.bias.clone()
    export.load_selectors(other, path, folder + "/one.safetensors")
    close(other.backbone.blocks[1].norm1.bias, before + 0.375, 1e-6)
    close(other.selectors[1].mlp2.weight, (model.selectors[1].mlp2.weight + one.selectors[1].mlp2.weight) / 2, 1e-6)
    export.save_selectors(one, folder + "/one.safetensors", {}, "a test")
    try:
        export.load_selectors(other, path, folder + "/one.safetensors")
    except ValueError as error:
        assert "one.safetensors: other tensors than" in str(error)
    else:
        raise AssertionError("the mean of different networks was taken")


def files_are_read_back(folder):
    model, other = small_model(), pruned.PrunedViT(VisionTransformer(SMALL))
    path = folder + "/selectors.safetensors"
    export.save_selectors(model, path, {"selector.1.local.in": 2.5, "residual": 1.0}, "a test")
    export.load_selectors(other, path)
    close(other.selectors[1].mlp2.weight, model.selectors[1].mlp2.weight, 0.0)
    metadata = tensors.read_safetensors(path)[1]
    assert '"selector.1.local.in": 2.5' in metadata["heatvit.ranges"] and "residual" not in metadata["heatvit.ranges"]
    export.save_backbone(model.backbone, folder + "/backbone.safetensors")
    try:
        export.load_selectors(other, folder + "/backbone.safetensors")
    except ValueError as error:
        assert "selectors.0" in str(error)
    else:
        raise AssertionError("a file without selectors was accepted")
    tuned = {"tuned.blocks.1.norm1.bias": numpy.full(model.config.dim, 0.5, numpy.float32)}
    export.save_selectors(model, path, {}, "a test", tuned=tuned)
    before = other.backbone.blocks[1].norm1.bias.clone()
    original = export.arrays_of(other.backbone)
    original = {name: array.copy() for name, array in original.items()}
    export.load_selectors(other, path)
    close(other.backbone.blocks[1].norm1.bias, before + 0.5, 1e-6)
    assert list(export.differences(other, original)) == list(tuned)
    means_of_files_are_read(folder, model, path)
    arrays = {"a": numpy.arange(6, dtype=numpy.int16).reshape(2, 3), "b": numpy.float32([1.5])}
    tensors.write_safetensors(folder + "/mixed.safetensors", arrays, {"key": "value"})
    back, metadata = tensors.read_safetensors(folder + "/mixed.safetensors")
    assert (back["a"] == arrays["a"]).all() and back["a"].dtype == numpy.int16 and metadata["key"] == "value"
    assert not [name for name in os.listdir(folder) if name.endswith(".tmp")]


def a_masked_softmax_has_the_gradients_of_its_formula():
    torch.manual_seed(11)
    weights = torch.randn(2, 2, 3, 5)
    seen = []
    for function in (nonlinearities.EXACT.softmax, lambda s, p: (e := torch.exp(s) * p) / e.sum(-1, keepdim=True)):
        scores, policy = torch.randn(2, 2, 3, 5, generator=torch.Generator().manual_seed(1)), torch.tensor([[1.0, 0, 1, 1, 0], [1, 1, 0, 1, 1]])
        scores.requires_grad_(True)
        policy.requires_grad_(True)
        out = function(scores, policy[:, None, None, :])
        (out * weights).sum().backward()
        seen.append((out.detach(), scores.grad, policy.grad))
    for a, b in zip(*seen):
        close(a, b, 1e-5)
    assert (seen[0][2][0, 1] != 0) and (seen[0][1][0, :, :, 1] == 0).all()  # what a dropped column would bring


def differences_of_low_rank_come_back(folder):
    model, images = small_model(), torch.randn(3, 3, 32, 32)
    original = {name: array.copy() for name, array in export.arrays_of(model.backbone).items()}
    before = model(images).logits
    model.add_differences(2)
    close(model(images).logits, before, 1e-6)  # of zero at first
    names = [name for name in model.tuned_parameters() if name.endswith((".up", ".down"))]
    assert len(names) == 2 * 4 * 3 and not any("blocks.0." in name for name in names)  # blocks 2 to 4
    with torch.no_grad():
        for name, parameter in model.tuned_parameters().items():
            parameter += 0.05 * torch.randn_like(parameter)
            parameter.copy_(parameter.half().float() if name.endswith((".up", ".down")) else parameter)
    path = folder + "/low.safetensors"
    export.save_selectors(model, path, {}, "a test", tuned=export.differences(model, original))
    arrays = tensors.read_safetensors(path)[0]
    assert arrays["tuned.blocks.1.mlp.fc1.weight.up"].shape == (128, 2) and arrays["tuned.blocks.1.norm1.bias"].dtype == numpy.float16
    for rank in (0, 2):  # folded into the weights, or as they are
        other = pruned.PrunedViT(VisionTransformer(SMALL))
        export.load_state(other.backbone, original, "the original")
        if rank:
            other.add_differences(rank)
        export.load_selectors(other, path)
        close(other(images).logits, model(images).logits, 0.02)
    del arrays["tuned.blocks.1.mlp.fc1.weight.down"]
    tensors.write_safetensors(path, arrays)
    assert "'tuned.blocks.1.mlp.fc1.weight.up' has no 'down'" in refusal(export.load_selectors, other, path)


def quotas_keep_their_share():
    from heatvit_training import points, trainer

    model, images = small_model(), torch.randn(24, 3, 32, 32)
    for noise in (0.0, 1.0):
        quota = pruned.Quota((0.75, 0.5), noise, torch.Generator().manual_seed(2))
        output = model(images, quota)
        for ratio, mask in zip((0.75, 0.5), output.masks):
            assert abs(float(mask.mean()) - ratio) < 0.02, (noise, ratio, float(mask.mean()))
    assert len(set(output.kept()[:, 1].tolist())) > 1  # images differ
    # a quota leaves the level of the logits open, and so do the gradients
    model.zero_grad()
    model(images, pruned.Quota((0.75, 0.5), 1.0, torch.Generator().manual_seed(2))).logits.pow(2).mean().backward()
    for each in model.selectors:
        level = each.keep.bias.grad[0] - each.keep.bias.grad[1]
        assert abs(float(level)) < 0.05 * float(each.keep.weight.grad.abs().max()), (level, each.keep.weight.grad.abs().max())
    plain = model(images, pruned.Quota((0.75, 0.5), 0.0)).kept()
    quota = pruned.Quota((0.75, 0.5), 0.0)
    model(images, quota)
    for each, shift in zip(model.selectors, quota.shifts):
        each.shift(shift)
    close(model(images).kept(), plain, 1e-4)  # a file of these thresholds does the same
    deit = config.find("deit-t")
    for saved in (0.2, 0.35, 0.6):
        for steps in (None, (1.0, 0.4, 0.8)):
            ratios = trainer.ratios_for(deit, saved, steps)
            assert list(ratios) == sorted(ratios, reverse=True)
            assert abs(1 - deit.macs([196 * r for r in ratios]) / deit.macs() - saved) < 0.005, (saved, steps, ratios)
    text = points.text_of({"20": (0.5, -0.25, 0.125), "35": (0.0, 0.0, 0.0)})
    assert text == "20:0.5,-0.25,0.125;35:0,0,0" and points.parse(text) == {"20": (0.5, -0.25, 0.125), "35": (0, 0, 0)}


def splits_keep_classes_apart():
    items = [(f"{i}.png", i // 2) for i in range(40)]
    train, validation = data.split_by_class(items, 0.3, seed=1)
    assert len(train) == 28 and len(validation) == 12
    assert not {c for _, c in train} & {c for _, c in validation}
    assert data.split_by_class(items, 0.3, seed=1) == (train, validation) != data.split_by_class(items, 0.3, seed=2)
    folds = data.folds_by_class(items, 4, seed=1)
    assert sorted(i for _, held_out in folds for i in held_out) == sorted(items)
    assert all(not {c for _, c in a} & {c for _, c in b} for a, b in folds)


def macs_count_every_product():
    deit = config.find("deit-t")
    assert deit.macs() == 1253683200 and deit.macs((196, 196, 196)) > deit.macs()  # the selectors' own work
    counted = 0

    def count(module, inputs, output):
        nonlocal counted
        counted += output.numel() * module.in_features

    model = small_model()
    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, torch.nn.Linear)]
    _, kept, tokens = model.evaluate_one(torch.randn(3, 32, 32))
    attention = sum(2 * t * t * SMALL.dim for t in tokens)
    embedding = SMALL.patches * 3 * SMALL.patch**2 * SMALL.dim
    # the last block works on all its rows in both
    assert counted + attention + embedding == SMALL.macs([len(k) for k in kept]), (counted, kept)
    for hook in hooks:
        hook.remove()


def refusal(function, *arguments):
    try:
        function(*arguments)
    except ValueError as error:
        return str(error)
    raise AssertionError("accepted")


def descriptions_are_read_or_refused(folder):
    fields = {"depth": 3, "dim": 64, "heads": 4, "mlp_ratio": 2, "image_size": 48, "patch_size": 8, "classes": 7,
              "layernorm_epsilon": 1e-5, "selectors": [2], "input": {"crop": 0.9, "mean": [0.5, 0.5, 0.5]}}
    path = os.path.join(folder, "net.json")
    with open(path, "w") as stream:
        json.dump(fields, stream)
    read = config.find(path)
    assert (read.depth, read.hidden, read.patches, read.classes, read.ln_eps) == (3, 128, 36, 7, 1e-5), read
    assert read.selectors == (2,) and read.crop == 0.9 and read.mean == (0.5, 0.5, 0.5), read
    for field, value in (("tokens", ["class", "distillation"]), ("tokens", []), ("registers", 4), ("pooling", "mean"),
                         ("classifier", "two"), ("layer_scale", True), ("activation", "silu"), ("residual_divisor", 2),
                         ("stem", [{"channels": 8, "kernel": 3}]), ("no_such_field", 1), ("dim", "64")):
        assert f"'{field}'" in refusal(config.from_description, {**fields, field: value}, "net"), field
    assert "'interpolation'" in refusal(config.from_description, {**fields, "input": {"interpolation": "bilinear"}}, "net")
    assert "lv-vit-s" in refusal(config.find, "lv-vit-s")
    assert "deit-micro" in refusal(config.find, "no-such-net")


def tensors_without_a_place_are_refused(folder):
    backbone = VisionTransformer(SMALL)
    arrays = {name: tensor.numpy() for name, tensor in backbone.state_dict().items()}
    path = os.path.join(folder, "backbone.safetensors")
    tensors.write_safetensors(path, list(arrays.items()))
    export.load_backbone(backbone, path)
    for name in ("blocks.0.ls1.gamma", "blocks.0.attn.q_norm.weight", "dist_token", "foo"):
        tensors.write_safetensors(path, list(arrays.items()) + [(name, arrays["norm.weight"])])
        assert f"'{name}'" in refusal(export.load_backbone, backbone, path), name
    tensors.write_safetensors(path, [("module." + name, array) for name, array in arrays.items()])
    assert "run_sim import" in refusal(export.load_backbone, backbone, path)


def a_target_that_needs_no_pruning_is_refused(folder):
    from latency_table import PARTS, LatencyTable

    rows = [{"tokens": tokens, **{part + "_ms": 1.0 for part in PARTS}} for tokens in (1, 17)]
    path = os.path.join(folder, "table.json")
    with open(path, "w") as stream:
        json.dump({"schema": "heatvit-sim/latency-table/2", "depth": 4, "selectors": [2], "patches": 16, "rows": rows}, stream)
    table = LatencyTable(path)  # embedding, four blocks, head: six milliseconds
    table.expect_below_dense(5.9)
    for target in (6.0, 7.5, 0, -1):
        assert "6.000 ms of the unpruned network" in refusal(table.expect_below_dense, target), target


with tempfile.TemporaryDirectory() as scratch:
    a_target_that_needs_no_pruning_is_refused(scratch)
    descriptions_are_read_or_refused(scratch)
    tensors_without_a_place_are_refused(scratch)
    masked_and_gathered_passes_agree()
    nothing_but_cls_and_package_may_remain()
    without_selectors_that_drop_nothing_changes()
    nonlinearities_follow_the_specification()
    gumbel_samples_have_the_scores_probabilities()
    package_is_the_weighted_mean()
    gradients_reach_every_selector()
    fake_quantisation_is_fine_and_straight_through()
    files_are_read_back(scratch)
    a_masked_softmax_has_the_gradients_of_its_formula()
    differences_of_low_rank_come_back(scratch)
    quotas_keep_their_share()
    splits_keep_classes_apart()
    macs_count_every_product()
