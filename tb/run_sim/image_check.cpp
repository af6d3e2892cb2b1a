#include "tb/run_sim/image_check.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "accel/isa/errors.h"
#include "models/preprocess/decode.h"
#include "tb/config/text_lines.h"

namespace heatvit::tb {
namespace {

thread_local bool header_was_read = false;  // a SizeCheck has no place for it

bool stop_at_header(int64_t /*width*/, int64_t /*height*/) {
  header_was_read = true;
  return false;
}

using Decoder = bool (*)(const std::vector<uint8_t>&, preprocess::SizeCheck, preprocess::Picture&, std::string&);

/// A header that the decoder takes, and the mark that a whole file ends with.
bool looks_whole(const std::string& bytes, std::string_view begin, std::string_view end, Decoder decode) {
  const size_t last = bytes.find_last_not_of('\0');  // cameras pad
  if (bytes.compare(0, begin.size(), begin) != 0 || last == std::string::npos || last + 1 < end.size()) return false;
  if (bytes.compare(last + 1 - end.size(), end.size(), end) != 0) return false;
  header_was_read = false;
  preprocess::Picture none;
  std::string error;
  decode(std::vector<uint8_t>(bytes.begin(), bytes.end()), stop_at_header, none, error);
  return header_was_read;
}

}  // namespace

nlohmann::ordered_json skipped_json(const std::vector<SkippedImage>& skipped) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const SkippedImage& image : skipped)
    json.push_back({{"file", image.name}, {"reason", valid_utf8(image.reason)}});
  return json;
}

std::string image_fault(const std::string& path, bool thorough) {
  using namespace std::string_view_literals;
  try {
    if (!thorough) {
      const std::string bytes = read_bytes(path);
      if (looks_whole(bytes, "\xFF\xD8"sv, "\xFF\xD9"sv, preprocess::decode_jpeg)) return "";
      if (looks_whole(bytes, "\x89PNG"sv, "IEND\xAE\x42\x60\x82"sv, preprocess::decode_png)) return "";
    }
    preprocess::decode_image(path);
    return "";
  } catch (const InputError& error) {
    return error.what();
  }
}

std::vector<SkippedImage> check_images(std::vector<RunItem>& items, bool skip,
                                       const std::function<bool(size_t)>& wanted) {
  std::vector<SkippedImage> skipped;
  std::vector<RunItem> good;
  for (size_t i = 0; i < items.size(); ++i) {
    RunItem& item = items[i];
    const std::string fault = !wanted || wanted(i) ? image_fault(item.path, skip) : "";
    if (!fault.empty() && !skip) throw InputError(fault);
    if (fault.empty()) {
      good.push_back(std::move(item));
    } else {
      skipped.push_back({item.name, fault});
    }
  }
  if (good.empty() && !skipped.empty())
    throw InputError("--skip-bad: no image is left; the first: " + skipped.front().reason);
  items = std::move(good);
  return skipped;
}

}  // namespace heatvit::tb
