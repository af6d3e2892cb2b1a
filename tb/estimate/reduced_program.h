// The program that analytic mode walks: a few blocks stand for all depths and token counts, since blocks are alike.
#pragma once

#include <optional>

#include "accel/isa/hardware.h"
#include "accel/soc/config.h"
#include "models/lower/program.h"

namespace heatvit::estimate {

/// Commands [first, last) of the reduced program.
struct Range {
  int first = 0, last = 0;
};

/// Lowered anew only where something that it depends on is another than the last time.
struct ReducedProgram {
  void prepare(const soc::SocConfig& config, const zoo::ModelSpec& spec, network::Scorer scorer, bool package);

  lower::Program program;
  Range embedding, block, head;
  Range selector;         // with the block that it is inside of, if it is
  Range before_selector;  // the block there, where it ends otherwise; else empty

 private:
  struct Key {
    isa::AcceleratorConfig accel;
    network::Scorer scorer;
    bool package;
  };

  void split_by_chains(bool inside);
  Range range(bool (*belongs)(const isa::Command&)) const;

  std::optional<Key> key_;
  zoo::ModelSpec model_, reduced_;  // as it is, and as few blocks of it
};

}  // namespace heatvit::estimate
