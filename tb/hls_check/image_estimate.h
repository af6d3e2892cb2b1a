// Busy cycles of the synthesised units over the command list of an image, by the pragmas and as the simulated modules
// charge them. The charged sums are what a timing run books as busy (a test holds them to it).
#pragma once

#include <map>
#include <string>
#include <utility>

#include "accel/modules/tile_walk.h"
#include "accel/soc/config.h"
#include "models/lower/program.h"
#include "tb/hls_check/estimate.h"

namespace heatvit::tb {

/// Lanes of the PE array: all groups on one output, or a head each.
LaneCounts lanes_of(const soc::SocConfig& config, isa::LayoutB layout);

struct EstimateTotal {
  int64_t calls = 0, charged = 0, estimated = 0;
};

class ImageEstimate {
 public:
  /// Walks the tiles and chunks of every command as the modules do. Token counts follow the selection by count; where
  /// a threshold decides, nothing is pruned.
  ImageEstimate(const soc::SocConfig& config, const lower::Program& program, const HlsEstimate::Reader& reader);

  /// By unit. The array's tiles: pe_array_tile_packed on all groups' lanes, pe_array_tile (attention) on a group's.
  const std::map<std::string, EstimateTotal>& units() const { return units_; }

  EstimateTotal array() const;     // the PE array
  EstimateTotal vector() const;    // the vector unit
  EstimateTotal selector() const;  // the token selector

 private:
  void command(const isa::Command& command);
  void gemm(const modules::Job& job);
  void chunks(const modules::Job& job, const char* unit);
  void select(const modules::Job& job);
  void add(HlsEstimate& estimate, const std::string& unit, const Extents& e);

  HlsEstimate dense_, attention_;
  std::map<std::string, EstimateTotal> units_;
  std::map<std::string, std::pair<int64_t, int64_t>> known_;  // charged and estimated cycles of a call
  int tokens_ = 0, before_select_ = 0;
  bool package_ = false;
};

}  // namespace heatvit::tb
