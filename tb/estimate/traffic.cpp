#include "tb/estimate/traffic.h"

#include "accel/modules/operation.h"

namespace heatvit::estimate {
namespace {

using modules::Block;
using modules::Job;
using modules::Walk;

/// All chunks' blocks of an operand together.
int64_t bytes_of(const Block& block, isa::Element type, const Job& job) {
  int64_t rows = 0;
  if (block.rows == Block::Rows::kChunk) rows = modules::ChunkWalk::rows(job);
  if (block.rows == Block::Rows::kOne) rows = 1;
  if (block.rows == Block::Rows::kKept || block.rows == Block::Rows::kMoved) rows = job.tokens_after;
  const int64_t value = block.value_bytes != 0 ? block.value_bytes : isa::bytes_of(type);
  return rows * (block.columns ? job.n : 1) * value * job.command.heads;
}

lower::Traffic chunk_traffic(const isa::Command& c, int tokens, int tokens_after) {
  const modules::Operation& o = modules::operation_of(c);
  if (o.walk == Walk::kNone) return {};
  // Of tokens that move both counts are the caller's; of all others the register's.
  const Job job = modules::resolve(c, o.tokens == modules::TokenEffect::kMoves ? tokens_after : tokens, tokens);
  const int64_t a = c.follows ? 0 : bytes_of(o.a, c.a_type, job), r = bytes_of(o.r, c.c_type, job),
                out = bytes_of(o.c, c.c_type, job);
  const auto records = o.records ? static_cast<uint64_t>(job.n) * 8 : 0;
  lower::Traffic t;
  if (o.on_host()) {
    t.cpu = static_cast<uint64_t>(a + r + out) + records;
  } else {
    t = lower::sort_traffic(c, a, r, out);
    t.weights = records;
  }
  return t;
}

}  // namespace

lower::Traffic announced_traffic(const isa::Command& c, int tokens, int tokens_after) {
  return modules::operation_of(c).walk == Walk::kTiles ? lower::gemm_traffic(c, tokens)
                                                       : chunk_traffic(c, tokens, tokens_after);
}

lower::Traffic compulsory_traffic(const isa::Command& c, int tokens, int tokens_after) {
  return modules::operation_of(c).walk == Walk::kTiles ? lower::compulsory_gemm_traffic(c, tokens)
                                                       : chunk_traffic(c, tokens, tokens_after);
}

}  // namespace heatvit::estimate
