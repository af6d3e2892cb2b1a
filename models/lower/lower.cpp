#include <algorithm>
#include <cstring>
#include <utility>

#include "accel/isa/errors.h"
#include "models/lower/builder.h"
#include "models/lower/tiling.h"
#include "models/quant/quantize.h"

namespace heatvit::lower {
namespace {

using isa::Activation;
using isa::Command;
using isa::Element;
using isa::LayoutB;
using isa::Op;
using isa::Opcode;

void check(const zoo::ModelSpec& spec, const network::Pruning& pruning, const network::QuantModel* model,
           const isa::AcceleratorConfig& hw) {
  quant::check_bits(hw.numerics_bits, hw.residual_bits);
  if (hw.batch < 1 || hw.batch > isa::kMaxBatch)
    throw InputError("accel.batch must be in 1.." + std::to_string(isa::kMaxBatch) + ", is " +
                     std::to_string(hw.batch));
  if (model != nullptr && model->bits != hw.numerics_bits)
    throw InputError("the model was quantised for numerics.bits " + std::to_string(model->bits));
  if (model != nullptr && model->residual_bits != hw.residual_bits)
    throw InputError("the model was quantised for numerics.residual_bits " + std::to_string(model->residual_bits));
  if (hw.residual_on_chip && hw.layernorm == isa::Placement::kCpu)
    throw InputError("accel.residual = chip needs accel.layernorm = pl: the host does not reach the memory on chip");
  if (hw.pack_rows && !hw.residual_on_chip)
    throw InputError("accel.packing = rows needs accel.residual = chip: in DDR their addresses would show in the time");
  if (!pruning.enabled()) return;
  network::expect_scorer(spec, pruning);
  int previous = 0;
  for (int position : pruning.positions) {
    if (position <= previous || position > spec.depth)
      throw InputError("selector positions must rise within 1.." + std::to_string(spec.depth) + ", got " +
                       std::to_string(position));
    previous = position;
  }
  if (pruning.scorer == network::Scorer::kClsAttention && pruning.positions.front() == 1)
    throw InputError("the cls-attention scorer needs a block before the first selector; position 1 has none");
  if (!pruning.keep.empty() && pruning.keep.size() != pruning.positions.size())
    throw InputError("need one keep count per selector");
  if (pruning.learned() && model != nullptr && model->selectors.size() < pruning.positions.size())
    throw InputError("the model has weights for " + std::to_string(model->selectors.size()) + " selectors, " +
                     std::to_string(pruning.positions.size()) + " are asked for");
  if (pruning.learned() && model != nullptr) network::expect_weights_of(pruning, model->selectors.front().dynamicvit());
}

/// The loop order of a layer in a batch of images of `tokens` each. Where a row tile holds a whole image, that image
/// alone moves A and the weights once in either order; in a batch nm moves A once for each column of weight tiles, mn
/// the weights once for each row tile, and what moves fewer bytes is taken; convolutions likewise. Else the order is as
/// configured, with which an image moves no more than it does alone.
isa::LoopOrder order_in_batch(const Command& c, int images, int tokens) {
  if (c.conv.size == 0 && (c.order == isa::LoopOrder::kMN || c.tile_m < c.m.at(tokens))) return c.order;
  Command other = c;
  other.order = c.order == isa::LoopOrder::kMN ? isa::LoopOrder::kNM : isa::LoopOrder::kMN;
  const bool fewer = gemm_traffic(other, images * tokens).total() < gemm_traffic(c, images * tokens).total();
  return fewer ? other.order : c.order;
}

/// The parameters that ask for memory on chip, and the verb.
std::string on_chip_parameters(const isa::AcceleratorConfig& hw) {
  std::vector<std::string> names;
  if (hw.fuse_attention) names.emplace_back("accel.fuse_attention");
  if (hw.residual_on_chip) names.emplace_back("accel.residual = chip");
  if (hw.selector_on_chip) names.emplace_back("accel.selector_memory = chip");
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  return text + (names.size() == 1 ? " needs " : " need ");
}

/// Bytes of a network's weights and records, and some for what lies between.
uint64_t content_bytes(const network::QuantModel& model, int operand_bytes) {
  uint64_t weights = 0, channels = 0;
  const auto add = [&](const network::QuantLinear& layer) {
    weights += layer.weight.size();
    channels += layer.channels.size();
  };
  for (const network::QuantConv& conv : model.stem) add(conv.linear);
  for (const network::QuantBlock& block : model.blocks) add(block.qkv), add(block.proj), add(block.fc1), add(block.fc2);
  add(model.embed), add(model.head), add(model.aux_head);
  return weights * static_cast<uint64_t>(operand_bytes) + channels * 16 +
         (model.front.size() + model.position.size()) * 2 + (8U << 20);
}

}  // namespace

Builder::Builder(const zoo::ModelSpec& spec, const isa::AcceleratorConfig& hw, const network::Pruning& pruning,
                 const network::QuantModel* model)
    : spec_(spec), hw_(hw), pruning_(pruning), model_(model), tokens_(spec.max_tokens()), map_(model != nullptr) {
  check(spec, pruning, model, hw);
  if (model != nullptr) map_.expect(content_bytes(*model, hw.operand_bytes()));
  if (hw.chain_layernorm && (hw.layernorm == isa::Placement::kCpu || hw.tile_n < spec.dim))
    throw InputError(
        "accel.chain_layernorm needs accel.layernorm = pl and whole rows in a result: tile.n of at least " +
        std::to_string(spec.dim));
  score_tiles_ = fused_score_tiles(hw, spec.heads, spec.head_dim(), spec.max_tokens());
  const bool fits = score_tiles_.group != 0;
  if (hw.softmax == isa::SoftmaxPlacement::kFused && !fits)
    throw InputError("accel.softmax = fused needs a row of " + std::to_string(spec.max_tokens()) +
                     " scores in one output tile: enlarge tile.m x tile.n");
  if ((hw.fuse_attention || hw.chain_attention) && (!fits || hw.softmax == isa::SoftmaxPlacement::kSeparate))
    throw InputError(std::string(hw.fuse_attention ? "accel.fuse_attention" : "accel.chain_attention") +
                     " needs softmax behind the score product: accel.softmax not "
                     "separate, a row of " +
                     std::to_string(spec.max_tokens()) + " scores in one output tile (tile.m x tile.n)");
  fused_softmax_ = hw.softmax == isa::SoftmaxPlacement::kFused || hw.fuse_attention || hw.chain_attention ||
                   (hw.softmax == isa::SoftmaxPlacement::kAuto && fits &&
                    prefers_fused_softmax(score_tiles_, hw, spec.heads, spec.head_dim(), spec.max_tokens()));
}

Command Builder::command(Opcode opcode, uint8_t block, Op op) const {
  Command c;
  c.opcode = opcode;
  c.block = block;
  c.op = static_cast<uint8_t>(op);
  c.a_type = c.c_type = hw_.operand_type();
  return c;
}

void Builder::emit(Command c, const View* a, const View* b, const View* r, const View* writes) {
  const auto last_writer = [&](const View* v) -> isa::Dependency {
    if (v == nullptr) return 0;
    const auto found = writer_.find(v->region.address);
    return found == writer_.end() ? isa::Dependency{0} : found->second;
  };
  if (a != nullptr) c.a = a->operand();
  if (r != nullptr) c.r = r->operand();
  if (writes != nullptr) c.c = writes->operand();
  c.wait_a = std::max({c.wait_a, last_writer(a), last_writer(r)});
  if (b != nullptr) {
    c.b = b->operand();
    c.wait_b = last_writer(b);
  }
  c.restream = hw_.restream && c.opcode == Opcode::kGemm;
  commands_.push_back(c);
  if (writes != nullptr) writer_[writes->region.address] = static_cast<isa::Dependency>(commands_.size());
}

Command Builder::norm_command(uint8_t block, Op op, isa::Extent rows, int n, const network::QuantLayerNorm* weights) {
  Command c = command(Opcode::kLayerNorm, block, op);
  c.m = rows;
  c.n = fixed_extent(n);
  c.on_cpu = hw_.layernorm == isa::Placement::kCpu;
  c.a_type = residual_type();
  const std::string name = "b" + std::to_string(block) + "." + std::string(isa::name_of(op)) + ".records";
  c.records =
      map_.place(name, weights != nullptr ? weights->channels.data() : nullptr, static_cast<uint64_t>(n) * 8).address;
  c.shift2 = weights != nullptr ? weights->shift : uint8_t{1};
  c.epsilon = weights != nullptr ? weights->epsilon : 1;
  tile_rows(c, hw_, n * residual_bytes(), n * operand_bytes(), rows.at(max_rows()));
  return c;
}

void Builder::emit_norm(const Command& c, const View& source, const View& to) {
  View from = source;
  from.pitch = static_cast<uint32_t>(c.n.fixed * residual_bytes());  // in the selector a token's heads are rows
  emit(c, &from, nullptr, nullptr, &to);
}

void Builder::layernorm(uint8_t block, Op op, isa::Extent rows, int n, const network::QuantLayerNorm* weights,
                        const View& source, const View& to) {
  Command c = norm_command(block, op, rows, n, weights);
  // Rows that are packed one after another: the first are normalised while others still move.
  Command& before = commands_.back();
  const bool packed = before.opcode == Opcode::kTokenPack && before.panel;
  if (packed) c.tile_m = std::min(c.tile_m, before.tile_m);
  // Of one image they need not be loaded: a batch packs image by image, its norm is of all rows.
  if (packed && hw_.chain_layernorm && hw_.batch == 1) before.chain = c.follows = true;
  emit_norm(c, source, to);
}

void Builder::layernorm_in_chain(uint8_t block, Op op, int n, int rows_a_token, const network::QuantLayerNorm* weights,
                                 const View& source, const View& to) {
  Command& leader = commands_.back();
  leader.chain = true;
  Command c = norm_command(block, op, {0, static_cast<uint16_t>(rows_a_token)}, n, weights);
  c.follows = true;
  c.tile_m = static_cast<uint16_t>(leader.tile_m * rows_a_token);
  emit_norm(c, source, to);
}

void Builder::linear(Command c, const std::string& name, const network::QuantLinear* weights, const View& a,
                     const View& to, const View* residual) {
  c.layout_b = LayoutB::kPacked;
  c.residual = residual != nullptr;
  c.order = c.conv.size == 0 && hw_.order_nm ? isa::LoopOrder::kNM : isa::LoopOrder::kMN;
  if (model_ != nullptr && c.activation == Activation::kGelu) c.delta = model_->delta1;
  tile_gemm(c, hw_, max_rows());
  if (c.conv.size == 0 && c.tile_k < c.k.fixed && c.order == isa::LoopOrder::kNM)
    c.sums = static_cast<uint8_t>(hw_.sums);
  if (hw_.batch > 1) c.order = order_in_batch(c, hw_.batch, tokens_);
  if (c.order == isa::LoopOrder::kMN) c.sums = 1;
  const int n = c.n.fixed, k = c.k.fixed;
  const auto* data = weights != nullptr ? weights->weight.data() : nullptr;
  c.b.address = map_.place_packed(name + ".weight", data, operand_bytes(), n, k, c.tile_n, c.tile_k).address;
  c.records = map_.place(name + ".records", weights != nullptr ? weights->channels.data() : nullptr,
                         static_cast<uint64_t>(n) * sizeof(isa::ChannelRecord))
                  .address;
  emit(c, &a, nullptr, residual, &to);
}

Place Builder::place_residual(const std::string& name, const std::vector<int16_t>* values, uint64_t count) {
  const uint64_t bytes = count * static_cast<uint64_t>(residual_bytes());
  if (values == nullptr) return map_.place(name, nullptr, bytes);
  if (residual_bytes() == 2) return map_.place(name, values->data(), bytes);
  std::vector<int8_t> narrow(values->begin(), values->end());
  return map_.place(name, narrow.data(), bytes);
}

void Builder::reserve_activations() {
  const auto view = [&](const std::string& name, int rows, int row_bytes, int head_stride = 0, int heads = 1,
                        bool on_chip = false) {
    const uint64_t bytes =
        static_cast<uint64_t>(rows) * static_cast<uint64_t>(row_bytes) * static_cast<uint64_t>(heads);
    return View{on_chip ? map_.reserve_on_chip(name, bytes) : map_.reserve(name, bytes), 0,
                static_cast<uint32_t>(row_bytes), static_cast<uint32_t>(head_stride)};
  };
  const int images = hw_.batch, t = spec_.max_tokens(), rows = max_rows(), d = spec_.dim * operand_bytes();
  const int image_row = spec_.image_size * 3 * operand_bytes();
  image_ = view("image", spec_.image_size, image_row, spec_.image_size * image_row, images);
  x_ = view("residual", rows, spec_.dim * residual_bytes(), 0, 1, hw_.residual_on_chip);
  normed_ = view("normed", rows, d);
  qkv_ = view("qkv", rows, 3 * d);
  // One image's at a time: the stores of one image's A x V follow its loads, and those of the next one's scores follow
  // them.
  const int score_row = 2 * static_cast<int>(aligned(t)), row = operand_bytes() * static_cast<int>(aligned(t));
  if (!fused_softmax_) scores_ = view("scores", t, score_row, t * score_row, spec_.heads);
  map_.mark_chip();
  probabilities_ = view("probabilities", t, row, t * row, spec_.heads, hw_.fuse_attention);
  map_.share_chip();  // no selector works while probabilities are there
  const auto reserve_selector = [&] {
    if (!pruning_.enabled() || !pruning_.learned()) return;
    const int h = pruning_.dynamicvit() ? 1 : spec_.heads, hd = spec_.dim / h * operand_bytes();
    const auto own = [&](const std::string& name, int count, int row_bytes) {
      return view(name, count, row_bytes, 0, 1, hw_.selector_on_chip);
    };
    sel_features_ = own("sel_features", rows * h, hd);
    sel_mlp1_ = own("sel_mlp1", rows * h, hd / 2);
    sel_mlp2_ = own("sel_mlp2", rows * h, hd / 4);
    sel_keep_ = own("sel_keep", rows * h, 4);
    sel_mean_ = own("sel_head_mean", rows, h * operand_bytes());
    sel_head1_ = own("sel_head1", rows, std::max(1, h / 2) * operand_bytes());
    sel_weight_ = own("sel_head_weight", rows, 2 * h);
  };
  if (hw_.selector_on_chip) reserve_selector();
  if (map_.chip_bytes() > static_cast<uint64_t>(hw_.has_chip_memory() ? hw_.chip_bytes() : 0))
    throw InputError(on_chip_parameters(hw_) + std::to_string((map_.chip_bytes() + 1023) / 1024) + " KiB on chip for " +
                     std::string(spec_.name) + ", buffer.chip_kib is " + std::to_string(hw_.chip_kib));
  attended_ = view("attended", rows, d);
  hidden_ = view("hidden", rows, spec_.mlp_hidden * operand_bytes());
  // Means are written for a row a token of the last image, behind one of each before it.
  const bool both = spec_.pooling == zoo::Pooling::kClassMean;
  const int mean_rows = t + images - 1;
  if (spec_.has_classifier())
    logits_ = view("logits", images, spec_.classes * 4);
  else
    logits_ = view("features", both ? mean_rows : images, spec_.outputs() * operand_bytes());
  if (both && spec_.has_classifier()) both_ = view("class_and_mean", mean_rows, 2 * d);
  if (images > 1)
    cls_ =
        view("cls_rows", images * (spec_.two_heads() ? 2 : 1), spec_.dim * std::max(residual_bytes(), operand_bytes()));
  if (spec_.pooling == zoo::Pooling::kMean) pooled_ = view("pooled", mean_rows, spec_.dim * residual_bytes());
  if (!spec_.stem.empty()) {  // two maps in turn, each as large as the largest that comes to lie there
    int size = spec_.image_size, pixels[2] = {}, row_bytes[2] = {};
    for (size_t i = 0; i < spec_.stem.size(); ++i) {
      size = zoo::conv_out(size, spec_.stem[i]);
      const int own = size * size, bytes = spec_.stem[i].channels * operand_bytes();
      if (int64_t{own} * bytes > int64_t{pixels[i % 2]} * row_bytes[i % 2])
        pixels[i % 2] = own, row_bytes[i % 2] = bytes;
    }
    for (size_t i = 0; i < 2; ++i)
      if (pixels[i] != 0) stem_[i] = view("stem", pixels[i], row_bytes[i], pixels[i] * row_bytes[i], images);
  }
  if (spec_.aux_head()) {
    head_logits_ = view("head_logits", images, spec_.classes * 4);
    aux_logits_ = view("aux_logits", rows, spec_.classes * 4);
  }
  if (!hw_.selector_on_chip) reserve_selector();
  if (pruning_.enabled() && pruning_.tome()) reserve_merging();
  if (images == 1) {  // strides between images
    image_.head_stride = 0;
    for (View& v : stem_) v.head_stride = 0;
  }
}

namespace {

std::vector<uint32_t> words_of(const std::vector<Command>& commands) {
  std::vector<uint32_t> words;
  words.reserve(commands.size() * isa::kCommandWords);
  for (const Command& c : commands) {
    const isa::CommandWords encoded = isa::encode(c);
    words.insert(words.end(), encoded.begin(), encoded.end());
  }
  return words;
}

void forget_weights(network::QuantBlock& block) {
  for (network::QuantLinear* layer : {&block.qkv, &block.proj, &block.fc1, &block.fc2})
    std::vector<int16_t>().swap(layer->weight);
}

}  // namespace

Program Builder::build(bool encoded, network::QuantModel* spent) {
  const auto images = static_cast<uint64_t>(hw_.batch);
  const uint64_t means = spec_.pooling == zoo::Pooling::kClassMean ? images : 0;
  const uint64_t most = 14 + 2 * images + means + static_cast<uint64_t>(spec_.depth) * (6 + 3 * images) +
                        pruning_.positions.size() * (9 + (pruning_.tome() ? 4 : 3) * images);
  commands_.reserve(most);
  command_list_ = map_.reserve("commands", most * isa::kCommandBytes);

  reserve_activations();
  embedding();
  for (int b = 1; b <= spec_.depth; ++b) {
    if (pruning_.before(b)) selector(++stage_, b);
    block(b, model_ != nullptr ? &model_->blocks[static_cast<size_t>(b - 1)] : nullptr);
    if (spent != nullptr) forget_weights(spent->blocks[static_cast<size_t>(b - 1)]);
  }
  classifier();
  Command end = command(Opcode::kEnd, isa::kHeadBlock, Op::kEnd);
  end.wait_a = static_cast<isa::Dependency>(commands_.size());
  commands_.push_back(end);

  if (encoded) {
    const std::vector<uint32_t> words = words_of(commands_);
    map_.fill(command_list_, words.data(), words.size() * 4);
  }
  Program p;
  p.spec = spec_;
  p.hw = hw_;
  p.pruning = pruning_;
  p.tokens = spec_.max_tokens();
  p.dim = spec_.dim;
  p.with_data = model_ != nullptr;
  p.commands = std::move(commands_);
  p.command_list = map_.region_at(command_list_);
  p.command_list.bytes = static_cast<uint32_t>(p.commands.size() * isa::kCommandBytes);
  p.image = map_.region_at(image_.region);
  p.residual = map_.region_at(x_.region);
  p.logits = map_.region_at(logits_.region);
  p.logits_type = spec_.has_classifier() ? isa::Element::kInt32 : hw_.operand_type();
  p.logits.bytes = static_cast<uint32_t>(hw_.batch) * logits_.pitch;
  p.memory_bytes = map_.end();
  p.regions = map_.take_regions();
  p.constants = map_.take_content();
  return p;
}

void replace_commands(Program& program, const std::vector<Command>& commands) {
  const std::vector<uint32_t> words = words_of(commands);
  const uint64_t bytes = words.size() * 4;
  if (bytes > program.command_list.bytes) {
    const uint64_t address = (uint64_t{program.memory_bytes} + 63) / 64 * 64;
    if (address + bytes > isa::kChipBase) throw InputError("the command list does not fit behind the model's memory");
    program.command_list.address = static_cast<uint32_t>(address);
    program.memory_bytes = static_cast<uint32_t>(address + bytes);
    program.constants.resize(address + bytes);
    program.regions.push_back({"commands", program.command_list.address, static_cast<uint32_t>(bytes), true});
  }
  program.command_list.bytes = static_cast<uint32_t>(bytes);
  std::memcpy(program.constants.data() + program.command_list.address, words.data(), bytes);
  program.commands = commands;
}

void expect_single_images(const isa::AcceleratorConfig& hw, const std::string& who) {
  if (hw.batch != 1) throw InputError(who + ": is of single images; leave accel.batch at 1");
}

Program lower(const zoo::ModelSpec& spec, const isa::AcceleratorConfig& hw, const network::Pruning& pruning,
              const network::QuantModel* model) {
  return Builder(spec, hw, pruning, model).build(true);
}

Program lower(const zoo::ModelSpec& spec, const isa::AcceleratorConfig& hw, const network::Pruning& pruning,
              network::QuantModel&& model) {
  return Builder(spec, hw, pruning, &model).build(true, &model);
}

Program lower_commands(const zoo::ModelSpec& spec, const isa::AcceleratorConfig& hw, const network::Pruning& pruning) {
  return Builder(spec, hw, pruning, nullptr).build(false);
}

}  // namespace heatvit::lower
