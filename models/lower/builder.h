// Shared by the parts of the lowering: emits commands, tracks who wrote which region, lays out constants.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "models/lower/memory_map.h"
#include "models/lower/program.h"
#include "models/lower/tiling.h"

namespace heatvit::lower {

/// Bytes of a row that starts on an AXI beat: of scores, probabilities, similarities.
constexpr uint32_t aligned(int bytes) { return static_cast<uint32_t>((bytes + 15) / 16 * 16); }

/// A matrix in a region: byte offset into it, pitch, head stride.
struct View {
  Place region;
  uint32_t offset = 0, pitch = 0, head_stride = 0;
  isa::Operand operand() const { return {region.address + offset, pitch, head_stride}; }
};

class Builder {
 public:
  Builder(const zoo::ModelSpec& spec, const isa::AcceleratorConfig& hw, const network::Pruning& pruning,
          const network::QuantModel* model);

  /// `encoded`: with the command list's words in memory. `spent`: the model that was given, whose blocks lose their
  /// weights as soon as they are laid out.
  Program build(bool encoded, network::QuantModel* spent = nullptr);

 private:
  // lower.cpp
  void reserve_activations();
  // lower_ends.cpp
  void embedding();
  void classifier();
  void auxiliary_head(isa::Command aux);
  // lower_block.cpp
  void block(int index, const network::QuantBlock* weights);
  void attention(int index, const network::QuantBlock* weights);
  void tile_attend(isa::Command& command);
  void attend(uint8_t block, uint8_t image, const network::QuantBlock* weights);
  // lower_selector.cpp
  void selector(int stage, int block);
  void heatvit_scores(int stage, uint8_t block);
  void dynamicvit_scores(int stage, uint8_t block);
  void chained_scores(const network::QuantSelector* weights, uint8_t block, const std::string& prefix);
  isa::Command selector_layer(uint8_t block, isa::Op op, int k, int n, isa::Activation activation,
                              const network::Requant* gelu) const;
  isa::Command head_mean_command(uint8_t block, const network::QuantSelector* weights) const;
  void emit_head_mean(const isa::Command& c);
  /// `rows_at_once`: of sums that the features' product has left, stored so many rows at a time; 0: loaded.
  void global_feature(uint8_t block, int rows_at_once = 0);
  void head_weights_first(const network::QuantSelector* weights, uint8_t block, const std::string& prefix);
  void head_weights_second(const network::QuantSelector* weights, uint8_t block, const std::string& prefix);
  void token_scores(uint8_t block, int rows);
  // lower_merging.cpp
  void normalised_keys(uint8_t block);
  void match_tokens(int stage, uint8_t block);
  void reserve_merging();

  isa::Command norm_command(uint8_t block, isa::Op op, isa::Extent rows, int n, const network::QuantLayerNorm* weights);
  void emit_norm(const isa::Command& c, const View& source, const View& to);

  /// Row-wise normalisation of `rows` rows of n residual values.
  void layernorm(uint8_t block, isa::Op op, isa::Extent rows, int n, const network::QuantLayerNorm* weights,
                 const View& source, const View& to);

  /// The same behind the rows of the GEMM emitted last, in a chain with it.
  void layernorm_in_chain(uint8_t block, isa::Op op, int n, int rows_a_token, const network::QuantLayerNorm* weights,
                          const View& source, const View& to);

  /// A fully connected layer or convolution; fills operand B, records and tiles. `c` carries everything else.
  void linear(isa::Command c, const std::string& name, const network::QuantLinear* weights, const View& a,
              const View& to, const View* residual = nullptr);

  /// Appends with dependencies on the last writers of what it reads, and notes what it writes.
  void emit(isa::Command c, const View* a, const View* b, const View* r, const View* writes);

  /// Runs `body(image)` for every image of the batch: 1 to B, or 0 alone where there is one image. What an image
  /// reads of `region` was written before all of them, whatever the others write there.
  template <class Body>
  void for_each_image(const Place& region, const Body& body) {
    const auto before = writer_.find(region.address);
    const isa::Dependency last = before == writer_.end() ? isa::Dependency{0} : before->second;
    for (int i = 0; i < hw_.batch; ++i) {
      writer_[region.address] = last;
      body(static_cast<uint8_t>(hw_.batch == 1 ? 0 : i + 1));
    }
  }

  /// The first `count` rows of every image of a batch, dense: what a head looks at.
  View gather_front(const View& rows, int count);

  /// The mean over the patch tokens of every image, dense.
  View pooled();

  /// Class token and mean over the patch tokens of the normalised rows, side by side in `to`, a row an image.
  View class_and_mean(const View& to);

  /// A command whose operands are activations.
  isa::Command command(isa::Opcode opcode, uint8_t block, isa::Op op) const;

  int operand_bytes() const { return hw_.operand_bytes(); }
  int residual_bytes() const { return hw_.residual_bits / 8; }
  isa::Element residual_type() const { return hw_.residual_bits == 16 ? isa::Element::kInt16 : isa::Element::kInt8; }
  Place place_residual(const std::string& name, const std::vector<int16_t>* values, uint64_t count);
  /// Rows of all images where nothing is pruned.
  int max_rows() const { return hw_.batch * spec_.max_tokens(); }

  const zoo::ModelSpec& spec_;
  const isa::AcceleratorConfig& hw_;
  const network::Pruning& pruning_;
  const network::QuantModel* model_;
  int tokens_;  // of an image, as far as counts are known; where a threshold decides, as before
  MemoryMap map_;
  Place command_list_;
  std::vector<isa::Command> commands_;
  std::map<uint32_t, isa::Dependency> writer_;  // region address -> last command that writes it, plus one
  bool fused_softmax_ = false;
  AttentionTiles score_tiles_;                  // with softmax behind them
  std::optional<AttentionTiles> attend_tiles_;  // of A V, the same in every block
  int stage_ = 0;                               // selectors so far
  bool norm_done_ = false;                      // of the next block, in the chain of this one

  View image_, x_, cls_, pooled_, both_, normed_, qkv_, scores_, probabilities_, attended_, hidden_, logits_;
  View stem_[2], head_logits_, aux_logits_;
  View keys_, similarities_;
  View sel_features_, sel_mlp1_, sel_mlp2_, sel_keep_, sel_mean_, sel_head1_, sel_weight_;
};

constexpr isa::Extent kTokens{0, 1};
constexpr isa::Extent fixed_extent(int value) { return {static_cast<int16_t>(value), 0}; }

}  // namespace heatvit::lower
