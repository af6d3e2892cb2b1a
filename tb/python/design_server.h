// A design as a process: what it was asked for is resolved, its model read and lowered, its hardware elaborated once;
// then it runs images whenever it is asked to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tb/explore/process_pool.h"
#include "tb/run_sim/image_set.h"
#include "tb/run_sim/run_options.h"

namespace heatvit::tb {

/// Whether pictures in memory are resized and cropped as files are: always, never, or where they are not of the
/// network's size.
enum class Transform : uint8_t { kWhereNeeded, kAlways, kNever };

/// What a design is asked for.
struct DesignRequest {
  std::vector<RunItem> items;  // none: those that its options name, or in timing mode a batch of equal images
  int jobs = 1;
  Transform transform = Transform::kAlways;
  bool latency_only = false;  // mean milliseconds as bytes_of(double, warnings), in place of a DesignAnswer
  bool asks = false;          // the parent decides who stays, selector by selector (question_from); in one process
};

/// What the design asks back then; the answer are the patches that stay, std::vector<int>.
struct DesignQuestion {
  uint64_t image = 0;  // of the request
  int block = 0;       // that the selector stands before
  std::vector<int> patches;
  std::vector<uint32_t> scores;
  std::vector<int16_t> tokens;  // patches x values
  double unit = 0;              // of a token's value
};
DesignQuestion question_from(const std::string& bytes);

/// What it answers.
struct DesignAnswer {
  std::string report;           // JSON of a run, docs/cli.md; without the logits
  std::vector<int32_t> logits;  // functional mode: images x classes
  std::vector<float> floats;    // float mode: the same
  double unit = 0;              // what a step of `logits` is
  uint64_t classes = 0;
  std::vector<std::string> warnings;
};

std::string to_bytes(const DesignRequest& request);
DesignRequest request_from(const std::string& bytes);
DesignAnswer answer_from(const std::string& bytes);

/// In the child: `arguments` are the options of `run_sim run`; `later` is what the requests bring. Throws InputError.
explore::Answer make_design(const std::vector<std::string>& arguments, const Later& later);

/// Warnings of this process from now on go here and not to a terminal.
class Warnings {
 public:
  Warnings();
  std::vector<std::string> take();
};

}  // namespace heatvit::tb
