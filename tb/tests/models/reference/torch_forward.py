#!/usr/bin/python3
"""The networks of a folder through PyTorch, written from the papers and timm's code: nothing of the project is used.

usage: torch_forward.py FOLDER     (python3-torch, python3-numpy)
For each NAME.json (a description, docs/networks.md) reads NAME.safetensors and NAME.pixels (uint8, side x side x 3) and
writes NAME.logits (float32).
"""
import glob
import json
import os
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F


def tensors_of(path):
    with open(path, 'rb') as file:
        data = file.read()
    size = struct.unpack('<Q', data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop('__metadata__', None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry['data_offsets']
        values = np.frombuffer(data[8 + size + begin:8 + size + end], np.float32).reshape(entry['shape'])
        tensors[name] = torch.from_numpy(values.copy()).double()
    return tensors


def forward(net, w, pixels):
    dim, heads, eps = net['dim'], net['heads'], net['layernorm_epsilon']
    linear = lambda x, name: F.linear(x, w[name + '.weight'], w.get(name + '.bias'))
    norm = lambda x, name: F.layer_norm(x, (dim,), w[name + '.weight'], w[name + '.bias'], eps)
    scaled = lambda x, name: x * w[name] if net['layer_scale'] else x

    x = torch.from_numpy(pixels).double() / 255
    x = (x - torch.tensor(net['input']['mean']).double()) / torch.tensor(net['input']['std']).double()
    x = x.permute(2, 0, 1)[None]
    for i, conv in enumerate(net.get('stem', []), 1):
        bn = f'patch_embed.bn{i}.'
        x = F.conv2d(x, w[f'patch_embed.conv{i}.weight'], None, conv['stride'], conv['pad'])
        x = F.batch_norm(x, w[bn + 'running_mean'], w[bn + 'running_var'], w[bn + 'weight'], w[bn + 'bias'])
        x = F.relu(x)
    kernel = w['patch_embed.proj.weight'].shape[2]
    x = F.conv2d(x, w['patch_embed.proj.weight'], w['patch_embed.proj.bias'], kernel).flatten(2).transpose(1, 2)

    front = [w[name] for name, word in (('cls_token', 'class'), ('dist_token', 'distillation'), ('reg_token', 'register'))
             if word in net['tokens']]
    front = torch.cat(front, 1) if front else torch.zeros(1, 0, dim).double()
    placed = w['pos_embed'].shape[1] - x.shape[1]  # tokens in front that have a position
    x = torch.cat([front[:, :placed] + w['pos_embed'][:, :placed], front[:, placed:], x + w['pos_embed'][:, placed:]], 1)

    for block in range(net['depth']):
        b = f'blocks.{block}.'
        qkv = linear(norm(x, b + 'norm1'), b + 'attn.qkv')
        q, k, v = qkv.reshape(1, -1, 3, heads, dim // heads).permute(2, 0, 3, 1, 4)
        attention = (q @ k.transpose(-2, -1) / (dim // heads) ** 0.5).softmax(-1)
        y = linear((attention @ v).transpose(1, 2).reshape(1, -1, dim), b + 'attn.proj')
        x = x + scaled(y, b + 'ls1.gamma') / net['residual_divisor']
        y = linear(norm(x, b + 'norm2'), b + 'mlp.fc1')
        y = linear(F.silu(y) if net['activation'] == 'silu' else F.gelu(y), b + 'mlp.fc2')
        x = x + scaled(y, b + 'ls2.gamma') / net['residual_divisor']

    head = (lambda y: linear(y, 'head')) if net['classes'] else (lambda y: y)
    if net['pooling'] == 'mean':
        return head(norm(x[:, len(net['tokens']):].mean(1), 'fc_norm'))
    x = norm(x, 'norm')
    if net['pooling'] == 'class+mean':
        return head(torch.cat([x[:, 0], x[:, len(net['tokens']):].mean(1)], 1))
    logits = head(x[:, 0])
    if net['classifier'] == 'two':
        logits = (logits + linear(x[:, 1], 'head_dist')) / 2
    if net['classifier'] == 'auxiliary':
        logits = logits + 0.5 * linear(x[:, 1:], 'aux_head').max(1)[0]
    return logits


torch.set_num_threads(1)
for path in sorted(glob.glob(os.path.join(sys.argv[1], '*.json'))):
    name = path[:-len('.json')]
    with open(path) as file:
        net = json.load(file)
    side = net['image_size']
    pixels = np.fromfile(name + '.pixels', np.uint8).reshape(side, side, 3)
    with torch.no_grad():
        forward(net, tensors_of(name + '.safetensors'), pixels).numpy().astype(np.float32).tofile(name + '.logits')
