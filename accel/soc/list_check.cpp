#include "accel/soc/list_check.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "accel/kernels/limits.h"
#include "accel/modules/operation.h"
#include "accel/modules/plan.h"
#include "accel/soc/chain_check.h"
#include "accel/soc/selection_check.h"
#include "accel/soc/simulator.h"

namespace heatvit::soc {
namespace {

using isa::Activation;
using isa::Command;
using isa::Element;
using isa::Extent;
using isa::LayoutB;
using isa::Opcode;
using modules::Walk;

constexpr int64_t kMostExtent = 1 << 24;     // products of two of them and bytes of a matrix stay within 64 bits
constexpr int64_t kMostSteps = 100'000'000;  // tiles and chunks of a list: a run of a day

bool is_whole(const Extent& e) { return e.fixed == 0 && e.per_token == 1; }

bool one_of(Element type, std::initializer_list<Element> types) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

/// A matrix: rows of bytes, of each head.
struct Matrix {
  const char* name;
  const isa::Operand& at;
  int64_t heads, rows, row_bytes;
  int64_t rows_in_front = 0;  // at most, of the images before

  uint64_t first() const { return at.address; }
  /// Where it begins while all images have all tokens.
  uint64_t unpruned() const { return at.address + static_cast<uint64_t>(rows_in_front) * at.pitch; }
  uint64_t end() const {
    return at.address + (static_cast<uint64_t>(rows_in_front) + static_cast<uint64_t>(rows - 1)) * at.pitch +
           static_cast<uint64_t>(heads - 1) * at.head_stride + static_cast<uint64_t>(row_bytes);
  }
};

class ListCheck {
 public:
  ListCheck(const SocConfig& config, const isa::Program& program)
      : config_(config),
        program_(program),
        hw_(program.hw),
        images_(program.hw.batch),
        most_(program.tokens),
        selections_(config, program.hw, program.tokens) {}

  std::vector<ListNote> run() {
    const std::vector<Command>& commands = program_.commands;
    for (at_ = 0; at_ < commands.size(); ++at_) {
      const Command& c = commands[at_];
      if (at_ + 1 == commands.size())
        require(c.opcode == Opcode::kEnd, "the list must end with END, which raises the interrupt");
      else
        require(c.opcode != Opcode::kEnd, "END ends the list, but there are commands behind it");
      common(c);
      switch (modules::operation_of(c).walk) {
        case Walk::kTiles: gemm(c); break;
        case Walk::kRows:
        case Walk::kColumns: chunks(c); break;
        case Walk::kNone: break;
      }
      selections_.command(c, at_, !chain_.empty());
      chain(c);
    }
    return std::move(notes_);
  }

 private:
  void require(bool ok, const std::string& what) const {
    if (!ok) throw ListError(at_, what);
  }
  void fits(int64_t needed, int64_t has, const std::string& what) const {
    require(needed <= has, what + " takes " + std::to_string(needed) + " bytes, there are " + std::to_string(has));
  }
  void at_most(int64_t value, int64_t most, const std::string& what) const {
    require(value <= most, what + " of " + std::to_string(value) + " is beyond " + std::to_string(most));
  }

  /// Rows that the register may say: of all images, or of one.
  int64_t tokens(const Command& c) const { return c.image == 0 ? int64_t{images_} * most_ : most_; }
  int64_t at_all_tokens(const Command& c, const Extent& e) const { return e.fixed + e.per_token * tokens(c); }

  void common(const Command& c) {
    require(c.image <= images_, "image=" + std::to_string(c.image) + " of a batch of " + std::to_string(images_));
    const auto before = [&](isa::Dependency wait, const char* name) {
      require(wait <= at_, std::string(name) + " waits for command " + std::to_string(wait - 1) +
                               (wait - 1U == at_ ? ", which is this one" : ", which comes later") +
                               ": it would wait for ever");
    };
    before(c.wait_a, "wait_a");
    before(c.wait_b, "wait_b");
    const Walk walk = modules::operation_of(c).walk;
    if (c.opcode == Opcode::kEnd || walk == Walk::kNone) return;
    const auto extent = [&](const char* name, const Extent& e) {
      const int64_t size = at_all_tokens(c, e);
      require(size >= 1 && size <= kMostExtent, std::string(name) + " is " + std::to_string(size) +
                                                    " with all tokens, " + "outside 1.." + std::to_string(kMostExtent));
      return size;
    };
    m_ = extent("m", c.m);
    n_ = extent("n", c.n);
    k_ = walk == Walk::kTiles ? extent("k", c.k) : 1;
    steps_ += steps(c, walk);
    require(steps_ <= kMostSteps, "the list has more than " + std::to_string(kMostSteps) + " tiles up to here");
  }

  /// Tiles or chunks; of too many some number beyond what is allowed.
  int64_t steps(const Command& c, Walk walk) const {
    const auto tiles = [](int64_t size, int tile) { return (size + tile - 1) / tile; };
    int64_t count = 1;
    const auto times = [&count](int64_t factor) { count = std::min(count * factor, kMostSteps + 1); };
    if (walk != Walk::kColumns) times(tiles(m_, c.tile_m));
    if (walk != Walk::kRows) times(tiles(n_, c.tile_n));
    if (walk == Walk::kRows && c.opcode == Opcode::kTokenPack)
      count += 2;  // those that stay begin with a tile of their own, and the package may take another
    if (walk == Walk::kTiles) times(tiles(k_, c.tile_k));
    times(walk == Walk::kTiles ? tiles(c.heads, c.head_group) : c.heads);
    return count;
  }

  // Memory.

  int64_t rows_in_front(const Command& c, bool behind) const {
    return behind && c.image > 0 ? int64_t{c.image - 1} * most_ : 0;
  }

  /// Operand of the command at hand that waits for `wait`.
  void reads(const Matrix& matrix, isa::Dependency wait) {
    expect_within(matrix);
    for (size_t i = written_.size(); i > 0 && written_[i - 1].command >= wait; --i) {
      const Written& earlier = written_[i - 1];
      if (earlier.first >= matrix.end() || matrix.unpruned() >= earlier.end) continue;
      return notes_.push_back({at_, std::string("operand ") + matrix.name + " is what command " +
                                        std::to_string(earlier.command) +
                                        " writes, which is not waited for: it is taken as it is then"});
    }
  }

  void expect_within(const Matrix& matrix) const {
    const bool chip = isa::on_chip(matrix.at.address);
    const uint64_t end = chip ? isa::kChipBase + (hw_.has_chip_memory() ? static_cast<uint64_t>(hw_.chip_bytes()) : 0)
                              : program_.memory_bytes;
    require(matrix.end() <= end, std::string("operand ") + matrix.name + " ends at " + std::to_string(matrix.end()) +
                                     ", the memory " + (chip ? "on chip " : "") + "at " + std::to_string(end));
  }

  void writes(const Matrix& matrix) {
    expect_within(matrix);
    const isa::Operand& at = matrix.at;
    const auto row = static_cast<uint64_t>(matrix.row_bytes);
    // The scoreboard finds the tile of an address by division.
    const bool side_by_side = matrix.heads == 1 || at.head_stride >= row;
    const bool apart = matrix.heads == 1 || at.head_stride >= static_cast<uint64_t>(matrix.rows - 1) * at.pitch + row;
    const uint64_t whole =
        side_by_side && !apart ? static_cast<uint64_t>(matrix.heads - 1) * at.head_stride + row : row;
    require(at.pitch >= 1 && side_by_side && (matrix.rows == 1 || at.pitch >= whole),
            std::string("rows or heads of operand ") + matrix.name + " overlap: pitch " + std::to_string(at.pitch) +
                ", head stride " + std::to_string(at.head_stride) + " of rows of " + std::to_string(row) + " bytes");
    const auto touches = [&](const isa::Region& region) {
      return matrix.first() < uint64_t{region.address} + region.bytes && region.address < matrix.end();
    };
    require(!touches(program_.command_list), std::string("operand ") + matrix.name + " overwrites the command list");
    for (const isa::Region& region : program_.regions)
      require(!region.constant || !touches(region),
              std::string("operand ") + matrix.name + " overwrites the constants in " + region.name);
    written_.push_back({at_, matrix.unpruned(), matrix.end()});
  }

  /// Rows whose sums are taken without a load are those that command `product` wrote: a board loads them.
  void still_there(size_t product) const {
    const auto made =
        std::find_if(written_.begin(), written_.end(), [product](const Written& w) { return w.command == product; });
    for (auto later = made; later != written_.end(); ++later)
      require(later->command == product || later->first >= made->end || made->first >= later->end,
              "takes the sums of rows among which command " + std::to_string(later->command) + " has written since");
  }

  /// Channel or norm records: constants, and channel records' shifts are shifts.
  void records(const Command& c, bool of_channels) const {
    const isa::Operand at{c.records, 8, 0};
    const Matrix matrix{"records", at, 1, n_, 8};
    expect_within(matrix);
    require(!isa::on_chip(c.records), "records lie in DDR");
    const auto within = [&](const isa::Region& region) {
      return region.constant && region.address <= matrix.first() &&
             matrix.end() <= uint64_t{region.address} + region.bytes;
    };
    require(std::any_of(program_.regions.begin(), program_.regions.end(), within),
            "records are not among the constants");
    if (!program_.with_data || !of_channels) return;
    for (int64_t i = 0; i < n_; ++i) {
      isa::ChannelRecord record;
      std::memcpy(&record, program_.constants.data() + c.records + i * 8, sizeof record);
      require(record.shift >= 1 && record.shift <= 62, "channel " + std::to_string(i) + " of the records at " +
                                                           std::to_string(c.records) + " has no shift within 1..62");
    }
  }

  // Products.

  void gemm(const Command& c) {
    const bool wide = hw_.numerics_bits == 16;
    require(wide ? one_of(c.a_type, {Element::kInt16, Element::kUint16})
                 : one_of(c.a_type, {Element::kInt8, Element::kUint8}),
            "operand A has another width than numerics.bits says");
    require(!c.follows, "a product follows no rows; leave follows to LAYERNORM and HEAD_MEAN");
    at_most(c.head_group, hw_.th, "a group of heads");
    at_most(c.sums, hw_.sums, "sums");
    require(!c.summed || one_of(c.c_type, {Element::kInt8, Element::kInt16}), "sums are of signed bytes or words");
    require(c.layout_b != LayoutB::kPacked || c.wait_b == 0, "packed weights are constants and wait for nothing");
    const int64_t heads = std::min<int>(c.head_group, c.heads), m = std::min<int64_t>(c.tile_m, m_),
                  n = std::min<int64_t>(c.tile_n, n_), k = std::min<int64_t>(c.tile_k, k_), out_n = c.panel ? n_ : n;
    const int64_t a = isa::bytes_of(c.a_type), b = isa::bytes_of(isa::type_of_b(c.a_type)),
                  out = isa::bytes_of(c.c_type);
    if (c.conv.size != 0)
      convolution(c);
    else
      fits(heads * m * k * a, hw_.input_slot(), "a tile of A");
    fits((c.layout_b == LayoutB::kPacked ? 1 : heads) * n * k * b, hw_.weight_slot(), "a tile of B");
    fits(heads * m * out_n * hw_.accumulator_bytes(), hw_.accumulator_slot(), "a tile of sums");
    fits(heads * m * out_n * out, hw_.output_slot(), "a tile of the result");
    if (c.residual) fits(heads * m * out_n * out, hw_.vector_slot(), "a tile of the residual");
    if (c.records != 0) {
      fits(n * 8, isa::AcceleratorConfig::record_slot(), "records of a tile");
      require(!c.panel || n_ <= c.tile_n, "a panel with records takes one tile of columns");
      records(c, true);
    }
    if (program_.with_data && c.records == 0 && c.immediate.multiplier == 0)
      notes_.push_back(
          {at_, "scale is 0, so every result is: functional mode wants the list of run_sim disasm --weights"});
    activation(c, out_n);
    operands(c, a, b, out);
  }

  void activation(const Command& c, int64_t out_n) const {
    switch (c.activation) {
      case Activation::kGelu:
      case Activation::kSilu: at_most(out_n, kernels::kMaxRow, "a row of the result"); break;
      case Activation::kSigmoid: require(isa::bytes_of(c.c_type) >= 2, "sigmoid writes 16 bits: type=...->u16"); break;
      case Activation::kSoftmax: at_most(out_n, kernels::kMaxScores, "a row of softmax"); break;
      default: break;
    }
    if (c.activation == Activation::kSoftmax) scores_kept(c);
    require(c.activation != Activation::kSoftmax || out_n == n_,
            "softmax takes whole rows: panel, or tile n of at least n");
  }

  void scores_kept(const Command& c) const {
    require(!c.keep_cls_scores || is_whole(c.n), "scores are kept of a value a token: n=T");
    require(!c.sizes || is_whole(c.n), "sizes are of a value a token: n=T");
    require(!c.sizes || !c.keep_cls_scores, "scores are kept without sizes");
    if (c.keep_cls_scores) at_most(n_, tokens(c), "n");
  }

  void operands(const Command& c, int64_t a, int64_t b, int64_t out) {
    const int64_t heads = c.heads;
    const auto matrix = [&](const char* name, const isa::Operand& at, int64_t rows, int64_t row_bytes, bool behind) {
      return Matrix{name, at, heads, rows, row_bytes, rows_in_front(c, behind)};
    };
    if (c.conv.size == 0) {
      reads(matrix("a", c.a, m_, k_ * a, c.a_behind), c.wait_a);
    } else {
      const int64_t line = int64_t{c.conv.size} * c.conv.channels * a;
      const isa::Operand image{c.a.address, static_cast<uint32_t>(line), c.a.head_stride};
      const isa::Operand moved{c.a.address, c.a.pitch, c.a.head_stride};
      reads(matrix("a", image, c.conv.size, line, false), c.wait_a);
      require(!c.a_behind || moved.pitch == 0, "the image of a convolution is behind no rows");
    }
    switch (c.layout_b) {
      case LayoutB::kPacked: {
        const isa::Operand dense{c.b.address, c.b.pitch, 0};
        reads({"b", dense, 1, 1, n_ * k_ * b, rows_in_front(c, c.b_behind)}, c.wait_b);
        break;
      }
      case LayoutB::kRowsN: reads(matrix("b", c.b, n_, k_ * b, c.b_behind), c.wait_b); break;
      case LayoutB::kRowsK: reads(matrix("b", c.b, k_, n_ * b, c.b_behind), c.wait_b); break;
    }
    if (c.residual) reads(matrix("r", c.r, m_, n_ * out, false), c.wait_a);
    writes(matrix("c", c.c, m_, n_ * out, c.c_behind));
  }

  void convolution(const Command& c) const {
    const isa::Im2col& v = c.conv;
    const int64_t a = isa::bytes_of(c.a_type);
    require(!c.m.dynamic() && m_ == int64_t{v.out_size} * v.out_size, "m of a convolution is its output's pixels");
    require(!c.k.dynamic() && k_ == int64_t{v.kernel} * v.kernel * v.channels,
            "k of a convolution is kernel x kernel x channels");
    require(c.head_group == 1, "convolutions take an image at a time: heads=N/1");
    require(v.pad < v.kernel && int64_t{v.out_size - 1} * v.stride - v.pad < v.size,
            "every pixel of a convolution's output needs one of its input");
    require(v.out_size <= c.tile_m || v.out_size % c.tile_m == 0,
            "a tile of a convolution is whole lines of the output, or a part that lines are a multiple of");
    modules::Tile tile;
    const int64_t line = int64_t{v.kernel} * v.channels;
    for (tile.m0 = 0; tile.m0 < m_; tile.m0 += c.tile_m) {
      tile.m = static_cast<int>(std::min<int64_t>(c.tile_m, m_ - tile.m0));
      for (tile.k0 = 0; tile.k0 < k_; tile.k0 += c.tile_k) {
        tile.k = static_cast<int>(std::min<int64_t>(c.tile_k, k_ - tile.k0));
        const modules::ConvWindow w = modules::conv_window(v, tile);
        require(w.rows >= 1 && w.columns >= 1, "a convolution's tile has no input");
        fits(int64_t{w.rows} * w.columns * v.channels * a, hw_.input_slot(), "the input of a convolution's tile");
        if (!v.split) break;
      }
    }
    require(!v.split || c.tile_k % line == 0, "a split convolution's tiles are whole kernel rows");
  }

  // Vector operations.

  void chunks(const Command& c) {
    const modules::Operation& operation = modules::operation_of(c);
    types(c);
    const int64_t front_rows = tokens(c);
    const bool of_tokens = one_of_opcodes(c, {Opcode::kTokenMean, Opcode::kTokenScore, Opcode::kTokenPack});
    require(!of_tokens || is_whole(c.m), "m must be T: a row a token");
    if (of_tokens && c.opcode != Opcode::kTokenMean)
      require(c.heads == 1, "the token selector takes all heads at once");
    if (c.opcode == Opcode::kTokenScore) require(c.image == 0, "scores are of all images at once: leave out image");
    if (one_of_opcodes(c, {Opcode::kTokenMean, Opcode::kTokenPack, Opcode::kTokenMatch}))
      selections_.of_one_image(c, at_);
    if (c.opcode == Opcode::kTokenMatch) {
      require(c.heads == 1, "the token selector takes all heads at once");
      require(c.front + m_ + n_ <= tokens(c) && (m_ == n_ || m_ == n_ + 1),
              "matches " + std::to_string(m_) + " with " + std::to_string(n_) +
                  " tokens: as many, or one more, and together no more than there are");
    }
    if (c.summed) still_there(selections_.of_sums(program_.commands, at_));
    const bool by_columns = operation.walk == Walk::kColumns;
    const int64_t rows = by_columns ? m_ : std::min<int64_t>(c.tile_m, m_),
                  columns = by_columns ? std::min<int64_t>(c.tile_n, n_) : n_;
    if (by_columns) at_most(columns, kernels::kMaxRow, "a chunk's row");
    if (c.opcode == Opcode::kLayerNorm) at_most(n_, kernels::kMaxRow, "a row");
    if (c.opcode == Opcode::kTokenScore || c.opcode == Opcode::kHeadMean) at_most(n_, kernels::kMaxRow, "a row");
    if (c.opcode == Opcode::kSoftmax) at_most(n_, kernels::kMaxScores, "a row of softmax"), scores_kept(c);
    if (operation.on_host()) host(c);
    if (operation.records) {
      require(c.records != 0, "LAYERNORM needs records");
      records(c, false);
    }
    const auto value = [](const modules::Block& block, Element type) {
      return int64_t{block.value_bytes != 0 ? block.value_bytes : isa::bytes_of(type)};
    };
    const auto rows_of = [&](const modules::Block& block, int64_t own) {
      switch (block.rows) {
        case modules::Block::Rows::kNone: return int64_t{0};
        case modules::Block::Rows::kOne: return int64_t{1};
        case modules::Block::Rows::kKept: return front_rows;
        case modules::Block::Rows::kMoved:
        case modules::Block::Rows::kChunk: break;
      }
      return own;
    };
    const auto chunk_bytes = [&](const modules::Block& block, Element type) {
      return rows_of(block, rows) * (block.columns ? columns : 1) * value(block, type);
    };
    if (!operation.on_host()) {
      if (!c.follows)
        fits(chunk_bytes(operation.a, c.a_type) + chunk_bytes(operation.r, c.c_type), hw_.vector_slot(),
             "a chunk's input");
      fits(operation.repeats ? c.heads * columns * value(operation.c, c.c_type) : chunk_bytes(operation.c, c.c_type),
           hw_.output_slot(), "a chunk's result");
    }
    const auto matrix = [&](const char* name, const isa::Operand& at, const modules::Block& block, Element type,
                            bool behind) {
      return Matrix{name,
                    at,
                    c.heads,
                    rows_of(block, m_),
                    (block.columns ? n_ : 1) * value(block, type),
                    rows_in_front(c, behind)};
    };
    if (!c.follows) reads(matrix("a", c.a, operation.a, c.a_type, c.a_behind), c.wait_a);
    if (operation.r.rows != modules::Block::Rows::kNone)
      reads(matrix("r", c.r, operation.r, c.c_type, false), c.wait_a);
    if (operation.c.rows != modules::Block::Rows::kNone) writes(matrix("c", c.c, operation.c, c.c_type, c.c_behind));
  }

  static bool one_of_opcodes(const Command& c, std::initializer_list<Opcode> opcodes) {
    return std::find(opcodes.begin(), opcodes.end(), c.opcode) != opcodes.end();
  }

  void types(const Command& c) const {
    const auto both = [&](std::initializer_list<Element> types) {
      return c.a_type == c.c_type && one_of(c.a_type, types);
    };
    bool ok = true;
    switch (c.opcode) {
      case Opcode::kSoftmax:
        ok = c.a_type == Element::kInt16 && one_of(c.c_type, {Element::kUint8, Element::kUint16});
        break;
      case Opcode::kLayerNorm:
        ok = one_of(c.a_type, {Element::kInt8, Element::kInt16}) && one_of(c.c_type, {Element::kInt8, Element::kInt16});
        break;
      case Opcode::kHeadMean:
        ok = one_of(c.a_type, {Element::kInt8, Element::kInt16}) &&
             one_of(c.c_type, {Element::kInt8, Element::kInt16}) && isa::bytes_of(c.c_type) <= isa::bytes_of(c.a_type);
        break;
      case Opcode::kCopy: ok = both({Element::kInt8}); break;
      case Opcode::kTokenMean:
      case Opcode::kTokenPack: ok = both({Element::kInt8, Element::kInt16}); break;
      case Opcode::kTokenMatch: ok = both({Element::kInt16}); break;
      case Opcode::kColumnMaxAdd: ok = both({Element::kInt32}); break;
      default: break;
    }
    require(ok, std::string(isa::name_of(c.opcode)) + " does not take such types of A and C");
  }

  void host(const Command& c) const {
    require(c.heads == 1 && c.image == 0 && !c.n.dynamic(),
            "the host takes rows of one head, of all images, n of a fixed size");
    require(!isa::on_chip(c.a.address) && !isa::on_chip(c.c.address), "the host does not reach the memory on chip");
    require(!c.follows, "the host follows no rows");
  }

  // Chains.

  void chain(const Command& c) {
    const bool member = !chain_.empty();
    require(!c.follows || member, "follows needs a command in front that is chained to it");
    if (!c.chain && !member) return;
    require(c.opcode != Opcode::kEnd, "the list ends within a chain");
    require(config_.control.dependency == DependencyGrain::kTile && config_.control.overlap == modules::Overlap::kAll,
            "chains need accel.dependency = tile and accel.overlap = all");
    require(!member || program_.commands[at_ - 1].image == c.image, "a chain is of one image, or of all");
    if (!member) chain_steps_ = 0;
    chain_steps_ += steps(c, modules::operation_of(c).walk);
    chain_.push_back(at_);
    if (c.follows) follower(c);
    if (c.chain) return;
    const int64_t most = tokens(c);
    const int64_t samples = std::clamp<int64_t>(2'000'000 / (chain_steps_ + 1), 4, 1024);
    const int64_t step = std::max<int64_t>(1, most / samples);
    for (int64_t t = most; t >= 1; t -= step) check_chain(config_, program_, chain_, static_cast<int>(t));
    chain_.clear();
  }

  /// Its rows are those of the product, or packing, that it follows, in the same slot.
  void follower(const Command& c) const {
    size_t leader = chain_.size() - 1;
    while (leader > 0 && program_.commands[chain_[leader]].follows) --leader;
    const Command& product = program_.commands[chain_[leader]];
    require((modules::operation_of(product).walk == Walk::kTiles || product.opcode == Opcode::kTokenPack) &&
                product.heads == 1 && c.heads == 1 && product.c_type == c.a_type &&
                at_all_tokens(product, product.m) * at_all_tokens(product, product.n) == m_ * n_ &&
                is_multiple(c.m, product.m, n_, at_all_tokens(product, product.n)),
            "follows rows of another type or number than the product in front of it has");
  }

  static bool is_multiple(const Extent& m, const Extent& of, int64_t n, int64_t product_n) {
    return m.fixed * n == of.fixed * product_n && m.per_token * n == of.per_token * product_n;
  }

  const SocConfig& config_;
  const isa::Program& program_;
  const isa::AcceleratorConfig& hw_;
  const int images_;
  const int64_t most_;  // tokens of an image
  struct Written {
    size_t command;
    uint64_t first, end;
  };
  std::vector<Written> written_;  // by the commands so far
  std::vector<ListNote> notes_;
  size_t at_ = 0;
  int64_t m_ = 0, n_ = 0, k_ = 0;  // of the command, with all tokens
  int64_t steps_ = 0;
  SelectionCheck selections_;
  std::vector<size_t> chain_;
  int64_t chain_steps_ = 0;
};

}  // namespace

std::vector<ListNote> check_list(const SocConfig& config, const isa::Program& program) {
  std::vector<ListNote> notes = ListCheck(config, program).run();
  expect_units(config.buffers, config.control, program);
  return notes;
}

}  // namespace heatvit::soc
