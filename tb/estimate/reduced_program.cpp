#include "tb/estimate/reduced_program.h"

#include <algorithm>

namespace heatvit::estimate {
namespace {

using isa::Op;
using isa::Opcode;
using network::Scorer;

/// The one program that stands for all depths and counts: its blocks are alike. A selector needs a block before it; in
/// chains a block ends with what the next one begins with, so one needs a block behind it, too. EViT's is in block 2.
lower::Program reduced_program(zoo::ModelSpec& spec, const isa::AcceleratorConfig& hw, Scorer scorer, bool package) {
  network::Pruning pruning;
  pruning.package = package;
  spec.depth = hw.chain_layernorm ? 3 : scorer == Scorer::kNone ? 1 : 2;
  pruning.scorer = scorer;
  if (scorer != Scorer::kNone) pruning.positions = {scorer == Scorer::kEvit ? 2 : spec.depth}, pruning.keep = {1};
  return lower::lower_commands(spec, hw, pruning);
}

}  // namespace

Range ReducedProgram::range(bool (*belongs)(const isa::Command&)) const {
  const auto& all = program.commands;
  const auto first = std::find_if(all.begin(), all.end(), belongs);
  const auto last = std::find_if_not(first, all.end(), belongs);
  return {static_cast<int>(first - all.begin()), static_cast<int>(last - all.begin())};
}

void ReducedProgram::prepare(const soc::SocConfig& config, const zoo::ModelSpec& spec, Scorer scorer, bool package) {
  const bool same_model = key_ && model_ == spec;
  if (same_model && key_->accel == config.accel && key_->scorer == scorer && key_->package == package) return;
  key_.reset();
  if (!same_model) model_ = reduced_ = spec;
  program = reduced_program(reduced_, config.accel, scorer, package);
  embedding = range([](const isa::Command& c) { return c.block == 0; });
  block = range([](const isa::Command& c) { return c.block == 1; });
  selector = range([](const isa::Command& c) { return isa::of_selector(isa::op_of(c)); });
  if (scorer == Scorer::kEvit) selector = range([](const isa::Command& c) { return c.block == 2; });
  head = range([](const isa::Command& c) { return c.block == isa::kHeadBlock && c.opcode != Opcode::kEnd; });
  before_selector = {};
  if (config.accel.chain_layernorm) split_by_chains(scorer == Scorer::kEvit);
  key_ = {config.accel, scorer, package};
}

/// A block begins with its first product, behind its norm, which is done in the chain before; a selector begins behind
/// what the chain before it has done, and ends with the norm behind it.
void ReducedProgram::split_by_chains(bool inside) {
  std::vector<int> products;
  for (size_t i = 0; i < program.commands.size(); ++i)
    if (isa::op_of(program.commands[i]) == Op::kQkv) products.push_back(static_cast<int>(i));
  embedding.last = products[0];
  block = {products[0], products[1]};
  if (selector.first == selector.last) return;
  if (inside) {
    selector = {products[1], products[2]};
    return;
  }
  const auto chained = [this](int i) { return program.commands[static_cast<size_t>(i)].chain; };
  while (chained(selector.first - 1)) ++selector.first;
  before_selector = {products[1], selector.first};
  selector.last = products[2];
}

}  // namespace heatvit::estimate
