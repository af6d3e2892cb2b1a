#include "accel/modules/chain_walk.h"

#include <string>

#include "accel/modules/operation.h"

namespace heatvit::modules {

ChainWalk::ChainWalk(const Job& first) {
  for (const Job* job = &first; job != nullptr; job = job->chained) {
    Member member;
    member.job = job;
    member.place = members_.size();
    member.lag = job->lag;
    // Of the rows that go nothing comes out.
    if (member.place == 1 && first.packs_rows()) member.lag += members_[0].chunks->without_result();
    if (operation_of(job->command).walk == Walk::kTiles)
      member.turns = member.tiles.emplace(*job).row_tiles();
    else
      member.turns = member.chunks.emplace(*job).steps();
    members_.push_back(std::move(member));
  }
}

ChainWalk::Member* ChainWalk::next() {
  const Member& last = members_.back();
  for (; step_ < last.turns + last.lag; ++step_, at_ = 0)
    while (at_ < members_.size()) {
      Member& member = members_[at_++];
      const int64_t turn = step_ - member.lag;
      if (turn < 0 || turn >= member.turns) continue;
      ++member.done;
      return &member;
    }
  return nullptr;
}

namespace {

/// Rows that stay, and a row-wise operation of the vector unit on them.
template <class Require>
void expect_packing(const ChainWalk& chain, const Require& require) {
  require(chain.size() == 2, "of a packing and several commands behind it");
  const ChainWalk::Member &packing = chain.member(0), &member = chain.member(1);
  const Operation& operation = operation_of(member.job->command);
  require(member.job->command.follows && operation.walk == Walk::kRows && operation.units.has(Unit::kVector),
          "with an operation that follows no rows that are packed");
  require(member.job->n == packing.job->n && member.job->command.tile_m == packing.job->command.tile_m &&
              member.turns == packing.turns - packing.chunks->without_result(),
          "with an operation of other rows than are packed");
}

}  // namespace

void expect_chain(const Job& first) {
  const ChainWalk chain(first);
  const auto require = [&first](bool ok, const char* what) {
    if (!ok) throw std::runtime_error("command " + std::to_string(first.index) + " leads a chain " + what);
  };
  if (first.packs_rows()) return expect_packing(chain, require);
  int gemms = 0;
  for (size_t i = 0; i < chain.size(); ++i) gemms += chain.member(i).tiles ? 1 : 0;
  for (size_t i = 0; i < chain.size(); ++i) {
    const ChainWalk::Member& member = chain.member(i);
    const Operation& operation = operation_of(member.job->command);
    require(!operation.on_host(), "that the host is part of");
    require(member.turns == chain.member(0).turns, "of unequal row tiles");
    if (member.tiles) {
      require(member.tiles->row_by_row(), "whose rows are not done one after another");
      // Several operands B are held at once, in the order in which they came: the first GEMM's all come before.
      require(gemms == 1 || member.tiles->one_b() || (i == 0 && member.tiles->b_once()),
              "of several GEMMs that hold more than a tile of B each");
    } else {
      size_t leader = i;
      while (leader > 0 && !chain.member(leader).tiles) --leader;
      require(member.job->command.follows && chain.member(leader).tiles.has_value() && operation.walk == Walk::kRows &&
                  operation.units.has(Unit::kVector),
              "with an operation that follows no rows of a GEMM");
      const Job& rows = *chain.member(leader).job;
      require(rows.command.panel || rows.command.tile_n >= rows.n, "with an operation of rows that come in pieces");
      require(int64_t{member.job->n} * member.job->command.tile_m == int64_t{rows.n} * rows.command.tile_m,
              "with an operation of other rows than the result before it");
    }
  }
}

}  // namespace heatvit::modules
