#include "accel/hls/heatvit_top.h"

#include "accel/hls/gemm_engine.h"
#include "accel/hls/vector_engine.h"

namespace heatvit {
namespace hls {
namespace {

constexpr int kStages = 8;

void reset(SelectorState& state, uint32_t tokens, uint32_t seed) {
  state.tokens = state.tokens_before = static_cast<int>(tokens);
  state.package = state.package_before = false;
  state.stages = 0;
  state.seed = seed;
clear_selector:
  for (int t = 0; t < kernels::kMaxTokens; ++t) {
#pragma HLS pipeline II = 1
    state.scores[t] = 0;
    state.mask[t] = 1;
    state.sizes[t] = 1;
    state.partners[t] = 0;
  }
}

void fetch(const uint32_t* commands, uint32_t word, uint32_t* words) {
command_words:
  for (uint32_t i = 0; i < isa::kCommandWords; ++i) {
#pragma HLS pipeline II = 1
    words[i] = commands[word + i];
  }
}

bool runnable(const Job& job) {
  if (job.opcode == isa::Opcode::kTokenSelect) return true;
  if (job.m < 1 || job.n < 1) return false;
  if (job.opcode == isa::Opcode::kTokenMatch)
    return job.m + job.n == job.candidates() && (job.m == job.n || job.m == job.n + 1);
  return job.opcode != isa::Opcode::kGemm || job.k >= 1;
}

bool within_buffers(const Job& job) {
  if (job.tokens > kernels::kMaxTokens) return false;
  switch (job.opcode) {
    case isa::Opcode::kGemm: return fits(job) && (!job.conv || most_pixels(job.shape) > 0);
    case isa::Opcode::kSoftmax:
    case isa::Opcode::kLayerNorm:
    case isa::Opcode::kHeadMean: return job.n <= kernels::kMaxRow;
    case isa::Opcode::kTokenScore: return job.n <= kernels::kMaxHeads && job.m <= kernels::kMaxTokens;
    case isa::Opcode::kColumnMaxAdd: return job.m <= kernels::kMaxTokens;
    default: return true;
  }
}

/// In DDR, or, all rows of all heads, in the memory on chip that this bitstream has.
bool reachable(const Matrix& x, int rows, int heads) {
  if (!isa::on_chip(x.address)) return true;
  const uint64_t last = uint64_t{x.address - isa::kChipBase} + static_cast<uint64_t>(heads - 1) * x.head_stride +
                        static_cast<uint64_t>(rows - 1) * x.pitch;
  return last < kChipBytes;
}

bool reachable(const Job& job) {
  const int rows = larger(job.m, job.tokens);
  return reachable(job.a, rows, job.heads) && reachable(job.c, rows, job.heads) && reachable(job.r, rows, job.heads) &&
         reachable(job.b, larger(job.n, job.k), job.heads);
}

/// Why a command does not run; kDone: it does.
int refusal(const Job& job) {
  if (!runnable(job)) return kBadCommand;
  if (job.batch) return kNoBatch;
  if (!reachable(job)) return kNoChipMemory;
  if (job.opcode == isa::Opcode::kGemm && 8 * isa::bytes_of(isa::type_of_b(job.a_type)) != kernels::kOperandBits)
    return kOperandWidth;
  return within_buffers(job) ? kDone : kTooLarge;
}

constexpr uint32_t kWindow = kAhead + 1;

/// Commands in order, each fetched once, kAhead of them before their turn.
struct Window {
  uint32_t words[kWindow][isa::kCommandWords];
  const uint32_t* of(uint32_t index) const { return words[index % kWindow]; }
};

NextGemm next_gemm(const Window& window, uint32_t index, uint32_t count, const SelectorState& state) {
  NextGemm next = {};
following_commands:
  for (uint32_t i = index + 1; i <= index + kAhead && i < count; ++i) {
#pragma HLS loop_tripcount min = 0 max = 3
    if (!is_command(window.of(i))) return next;
    next.job = decode_job(window.of(i), state);
    if (stops_search(next.job) || refusal(next.job) != kDone) return next;
    if (next.job.opcode != isa::Opcode::kGemm) continue;
    next.fetch = may_fetch_b(next.job, index);
    return next;
  }
  return next;
}

/// The LayerNorm behind command `index` that is done together with it.
Follower follower_of(const Window& window, uint32_t index, uint32_t count, const SelectorState& state,
                     const Job& gemm) {
  Follower follower = {};
  const uint32_t* words = window.of(index + 1);
  if (index + 1 >= count || !is_command(words)) return follower;
  follower.norm = decode_job(words, state);
  follower.follows = norm_follows(gemm, follower.norm) && refusal(follower.norm) == kDone;
  return follower;
}

void execute(const Ports& ports, const Job& job, SelectorState& state, uint32_t* kept) {
  switch (job.opcode) {
    case isa::Opcode::kSoftmax: run_softmax(ports, job, state); break;
    case isa::Opcode::kLayerNorm: run_layernorm(ports, job); break;
    case isa::Opcode::kCopy: run_copy(ports, job); break;
    case isa::Opcode::kTokenMean:
      if (job.a_type == isa::Element::kInt16) {
        run_token_mean<int16_t>(ports, job);
      } else {
        run_token_mean<int8_t>(ports, job);
      }
      break;
    case isa::Opcode::kHeadMean: run_head_mean(ports, job); break;
    case isa::Opcode::kTokenScore: run_token_score(ports, job, state.scores); break;
    case isa::Opcode::kTokenMatch: run_token_match(ports, job, state); break;
    case isa::Opcode::kColumnMaxAdd: run_column_max(ports, job); break;
    case isa::Opcode::kTokenSelect: {
      const int count = run_token_select(job, state);
      if (state.stages < kStages) kept[state.stages++] = static_cast<uint32_t>(count);
      break;
    }
    case isa::Opcode::kTokenPack:
      if (job.a_type == isa::Element::kInt16) {
        pack_rows<int16_t>(ports, job, state);
      } else {
        pack_rows<int8_t>(ports, job, state);
      }
      break;
    case isa::Opcode::kGemm:
    case isa::Opcode::kEnd: break;
  }
}

}  // namespace
}  // namespace hls
}  // namespace heatvit

extern "C" int heatvit_top(heatvit::hls::Port activations, heatvit::hls::Port weights_0, heatvit::hls::Port weights_1,
                           heatvit::hls::Port weights_2, heatvit::hls::Port weights_3, heatvit::hls::Port parameters,
                           heatvit::hls::Port results, heatvit::hls::Port normal, const uint32_t* commands,
                           uint32_t list_base, uint32_t list_count, uint32_t tokens, uint32_t seed, uint32_t kept[8],
                           uint32_t* stages) {
#pragma HLS interface mode = m_axi port = activations bundle = activations offset = slave
#pragma HLS interface mode = m_axi port = weights_0 bundle = weights_0 offset = slave
#pragma HLS interface mode = m_axi port = weights_1 bundle = weights_1 offset = slave
#pragma HLS interface mode = m_axi port = weights_2 bundle = weights_2 offset = slave
#pragma HLS interface mode = m_axi port = weights_3 bundle = weights_3 offset = slave
#pragma HLS interface mode = m_axi port = parameters bundle = parameters offset = slave
#pragma HLS interface mode = m_axi port = results bundle = results offset = slave
#pragma HLS interface mode = m_axi port = normal bundle = normal offset = slave
#pragma HLS interface mode = m_axi port = commands bundle = commands offset = slave max_widen_bitwidth = 128
#pragma HLS interface mode = s_axilite port = activations bundle = control offset = 32
#pragma HLS interface mode = s_axilite port = weights_0 bundle = control offset = 48
#pragma HLS interface mode = s_axilite port = results bundle = control offset = 64
#pragma HLS interface mode = s_axilite port = commands bundle = control offset = 80
#pragma HLS interface mode = s_axilite port = list_base bundle = control offset = 96
#pragma HLS interface mode = s_axilite port = list_count bundle = control offset = 104
#pragma HLS interface mode = s_axilite port = tokens bundle = control offset = 112
#pragma HLS interface mode = s_axilite port = seed bundle = control offset = 120
#pragma HLS interface mode = s_axilite port = stages bundle = control offset = 128
#pragma HLS interface mode = s_axilite port = kept bundle = control offset = 160
#pragma HLS interface mode = s_axilite port = weights_1 bundle = control offset = 208
#pragma HLS interface mode = s_axilite port = parameters bundle = control offset = 224
#pragma HLS interface mode = s_axilite port = normal bundle = control offset = 240
#pragma HLS interface mode = s_axilite port = weights_2 bundle = control offset = 256
#pragma HLS interface mode = s_axilite port = weights_3 bundle = control offset = 272
#pragma HLS interface mode = s_axilite port = return bundle = control
  namespace top = heatvit::hls;  // the vendor has a namespace hls, too
  static top::FeedB feed;        // of the array's memory of weights
  static top::Operand weights[top::kWordsB][top::kLanesOut][top::kLanesIn];
#pragma HLS array_partition variable = weights type = complete dim = 2
#pragma HLS array_partition variable = weights type = complete dim = 3
#pragma HLS bind_storage variable = weights type = ram_2p impl = bram
  top::SelectorState state;
  const top::Ports ports = {activations, weights_0, weights_1, weights_2, weights_3, parameters, results, normal};
  top::reset(state, tokens, seed);
  feed.clear();
  bool fetched = false;   // the next GEMM's first tile of B is in the array's memory
  bool followed = false;  // this command was done together with the one before it
  int status = top::kNoEnd;
  top::Window window;
commands_in_order:
  for (uint32_t index = 0; index < list_count; ++index) {
#pragma HLS loop_tripcount min = 1 max = 512
  fetched_ahead:
    for (uint32_t i = index == 0 ? 0 : index + top::kAhead; i <= index + top::kAhead && i < list_count; ++i) {
#pragma HLS loop_tripcount min = 0 max = 4
      top::fetch(commands, list_base / 4 + i * heatvit::isa::kCommandWords, window.words[i % top::kWindow]);
    }
    const uint32_t* words = window.of(index);
    if (!top::is_command(words)) {
      status = top::kBadCommand;
      break;
    }
    const top::Job job = top::decode_job(words, state);
    if (job.opcode == heatvit::isa::Opcode::kEnd) {
      status = top::kDone;
      break;
    }
    const int refused = top::refusal(job);
    if (refused != top::kDone) {
      status = refused;
      break;
    }
    if (followed) {  // done with the command before it
      followed = false;
    } else if (job.opcode == heatvit::isa::Opcode::kGemm) {
      const top::NextGemm next = top::next_gemm(window, index, list_count, state);
      const top::Follower follower = top::follower_of(window, index, list_count, state, job);
      top::run_gemm(ports, job, follower, fetched, next, feed, weights, state);
      fetched = next.fetch;
      followed = follower.follows;
    } else {
      top::execute(ports, job, state, kept);
    }
  }
  *stages = static_cast<uint32_t>(state.stages);
  return status;
}
