// For tests of the simulated system: one simulation per process, and the comparison with the integer executor.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "accel/soc/simulator.h"
#include "models/lower/program.h"
#include "models/network/pruning.h"
#include "models/network/quant_model.h"

namespace heatvit::testing {

/// Runs `body` in a child process (SystemC elaborates once a process). Returns what it returned, "exception: ..." when
/// it threw, "signal N" when it died.
std::string isolated(const std::function<std::string()>& body);

/// A case of the comparison: hardware, pruning, and the images that go through it in turn, `accel.batch` at a time.
struct ExactCase {
  soc::SocConfig config;
  network::Pruning pruning;
  std::vector<std::vector<int8_t>> images;
};

/// Runs the images through the SoC and through the integer executor; compares the residual stream at the input and
/// output of every block and selector, the selectors' scores, kept patches, token counts and logits, bit for bit. Also
/// checks what must hold for any run (`audit`). Empty, or the first difference in words.
std::string compare_exactly(const network::QuantModel& model, const ExactCase& test);

/// Conservation: causes of every unit sum to the total, commands' cycles too; bytes at the controller's sockets equal
/// what the lowering announced and are not below the compulsory traffic. Empty, or the first violation.
std::string audit(const lower::Program& program, const soc::ImageResult& result);

/// Random bytes as an image of `side` pixels a side.
std::vector<int8_t> random_image(uint32_t seed, int side = 224);

/// A small transformer for quick tests: 3 blocks of 64 channels and 4 heads, selectors before blocks 2 and 3.
zoo::ModelSpec small_spec();

/// An array of th x ti x to, tiles of m x k x n, operands of `bits`; else the defaults.
soc::SocConfig shape(int th, int ti, int to, int m, int k, int n, int bits = 8);

/// Shapes that divide tokens, channels and heads evenly or not at all.
std::vector<soc::SocConfig> shapes(int bits = 8);

/// The small transformer's cases over these configurations: every scorer, LayerNorm and softmax in either place, both
/// loop orders; two images each.
std::vector<ExactCase> placements(const std::vector<soc::SocConfig>& configs);

network::Pruning pruning_of(const zoo::ModelSpec& spec, network::Scorer scorer, std::vector<int> keep);

/// The same without a package token.
network::Pruning dropping(network::Pruning pruning);

}  // namespace heatvit::testing
