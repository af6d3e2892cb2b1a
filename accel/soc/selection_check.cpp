#include "accel/soc/selection_check.h"

#include "accel/kernels/limits.h"
#include "accel/modules/operation.h"
#include "accel/soc/list_check.h"

namespace heatvit::soc {

using isa::Command;
using isa::Opcode;

void SelectionCheck::require(bool ok, size_t at, const std::string& what) {
  if (!ok) throw ListError(at, what);
}

void SelectionCheck::of_one_image(const Command& c, size_t at) {
  require(images_ == 1 || c.image != 0, at, "is of one image of the batch: image=1 or another");
  if (!front_known_) front_ = c.front, front_known_ = true;
  require(c.front == front_, at,
          "front is " + std::to_string(c.front) + ", of an earlier command " + std::to_string(front_));
  require(c.front <= tokens_, at, "front of " + std::to_string(c.front) + " is beyond " + std::to_string(tokens_));
}

size_t SelectionCheck::of_sums(const std::vector<Command>& commands, size_t at) const {
  const Command& mean = commands[at];
  size_t behind = at;
  while (behind > 0 && (!commands[behind - 1].summed || commands[behind - 1].opcode != Opcode::kGemm)) {
    require(commands[behind - 1].opcode != Opcode::kTokenPack, at,
            "takes sums of rows that TOKEN_PACK has moved since");
    --behind;
  }
  require(behind > 0, at, "there are no sums: no product in front has summed");
  require(images_ == 1, at, "sums are of one image: batches load their rows");
  const Command& product = commands[behind - 1];
  const isa::Operand &made = product.c, &taken = mean.a;
  require(product.heads == mean.heads && product.c_type == mean.a_type && product.front == mean.front &&
              product.n.fixed == mean.n.fixed && !product.n.dynamic() && !mean.n.dynamic() && product.m.fixed == 0 &&
              product.m.per_token == 1 && made.address == taken.address && made.pitch == taken.pitch &&
              made.head_stride == taken.head_stride,
          at, "takes the sums of other rows than command " + std::to_string(behind - 1) + " has added up");
  const int row = mean.n.fixed * isa::bytes_of(mean.c_type), values = mean.heads * mean.n.fixed;
  require(values <= kernels::kMaxRow, at,
          "sums of all heads of " + std::to_string(values) + " are beyond " + std::to_string(kernels::kMaxRow));
  require(static_cast<int>(mean.c.pitch) != row && static_cast<int>(mean.c.pitch) != mean.heads * row, at,
          "rows of a repeated result lie apart");
  return behind - 1;
}

/// Selections of every image in turn, then the packing of every image: between them the register would say one thing
/// and the rows another.
void SelectionCheck::command(const Command& c, size_t at, bool chained) {
  if (c.opcode == Opcode::kTokenSelect || c.opcode == Opcode::kTokenPack) {
    require(!c.follows && !chained, at, "a selection follows nothing in a chain");
    require(!c.chain || (c.opcode == Opcode::kTokenPack && c.panel && images_ == 1), at,
            "of a selection only packing by rows (panel), of one image, leads a chain");
    return stage(c, at);
  }
  require(step_ == 0, at, "TOKEN_SELECT of every image is followed by TOKEN_PACK of every image, then by others");
  if (packed_ != 0) behind_packing(c, at, chained);
}

void SelectionCheck::stage(const Command& c, size_t at) {
  const bool selects = c.opcode == Opcode::kTokenSelect;
  if (selects) {
    require(c.m.fixed == 0 && c.m.per_token == 1, at, "m must be T: a row a token");
    of_one_image(c, at);
    require(tokens_ <= isa::kMaxSequence, at,
            "tokens of " + std::to_string(tokens_) + " is beyond " + std::to_string(isa::kMaxSequence));
  }
  if (selects && step_ == 0) sizes_ = c.sizes, panel_ = c.panel;
  require(c.sizes == sizes_, at, "all TOKEN_SELECT and TOKEN_PACK of a stage merge by sizes, or none does");
  require(c.panel == panel_, at, "all TOKEN_SELECT and TOKEN_PACK of a stage are by rows (panel), or none is");
  if (c.panel) by_rows(c, at);
  const int image = images_ == 1 ? c.image : c.image - 1;
  require(selects == (step_ < images_) && (images_ == 1 || image == step_ % images_), at,
          "TOKEN_SELECT of images 1 to " + std::to_string(images_) + ", then TOKEN_PACK of them, in this order");
  step_ = (step_ + 1) % (2 * images_);
  if (!selects) packed_ = static_cast<isa::Dependency>(at + 1);
}

void SelectionCheck::by_rows(const Command& c, size_t at) const {
  require(hw_.pack_rows, at, "packing by rows (panel) needs accel.packing = rows");
  require(!c.sizes, at, "merged tokens are packed by columns: without panel");
  require(c.front >= 1, at, "packing by rows needs a token in front, so that some row stays");
  require(tokens_ <= kernels::kMaxTokens, at,
          "packing by rows has places for the order of " + std::to_string(kernels::kMaxTokens) + " tokens, not of " +
              std::to_string(tokens_));
  require(c.opcode != Opcode::kTokenPack || isa::on_chip(c.a.address), at,
          "packing by rows takes rows of the memory on chip: in DDR their addresses would show in the time");
}

/// Selector and vector unit fill one output buffer, which is stored in the order of commands. What the vector unit
/// takes from its buffer comes behind the rows that are packed; a product does not come that way, and has to wait until
/// they are: for the packing as a whole, or for something behind it.
void SelectionCheck::behind_packing(const Command& c, size_t at, bool chained) {
  const modules::Operation& operation = modules::operation_of(c);
  if (chained || !operation.units.has(modules::Unit::kVector)) return;
  const bool whole = !panel_ || config_.control.dependency == DependencyGrain::kOperation;
  const bool waits = c.wait_a > packed_ || (c.wait_a == packed_ && whole);
  require(operation.walk != modules::Walk::kTiles || waits, at,
          "a product behind TOKEN_PACK waits (wait_a) for a later command than that, or both would fill the output "
          "buffer at once");
  packed_ = 0;
}

}  // namespace heatvit::soc
