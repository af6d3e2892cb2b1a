// Images are looked at before anything is simulated: a broken one must not cost the work on the others.
#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tb/run_sim/image_set.h"

namespace heatvit::tb {

/// An image that is left out (--skip-bad).
struct SkippedImage {
  std::string name, reason;
};

/// [{"file", "reason"}], for reports.
nlohmann::ordered_json skipped_json(const std::vector<SkippedImage>& skipped);

/// What is wrong with the file, "" if nothing is. Reads its header and looks for its end; decodes it where that is not
/// enough to tell, or `thorough` asks for it.
std::string image_fault(const std::string& path, bool thorough);

/// Looks at the items whose places `wanted` names, without it at all. Throws InputError for the first image with a
/// fault; with `skip` those are taken out of `items` (which must leave one) and returned.
std::vector<SkippedImage> check_images(std::vector<RunItem>& items, bool skip,
                                       const std::function<bool(size_t)>& wanted = {});

}  // namespace heatvit::tb
