#include "models/weights/safetensors_header.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "models/weights/foreign_file.h"

namespace heatvit::weights {
namespace {

using nlohmann::json;

constexpr uint64_t kLengthBytes = 8;
constexpr std::string_view kMetadataKey = "__metadata__";

// The names of the format; F4 and the like (parts of a byte) are left out and count as unknown.
constexpr std::pair<std::string_view, uint64_t> kDtypes[] = {
    {"F64", 8}, {"I64", 8}, {"U64", 8}, {"F32", 4},     {"I32", 4},     {"U32", 4}, {"F16", 2}, {"BF16", 2},
    {"I16", 2}, {"U16", 2}, {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"U8", 1},  {"BOOL", 1}};

/// Walks the JSON event by event, so that neither nesting nor size can exhaust stack or heap: whatever the format does
/// not allow is refused at the first event, and nothing deeper than an array within a tensor within the top is allowed.
class HeaderHandler final : public nlohmann::json_sax<json> {
 public:
  HeaderHandler(const std::string& path, SafetensorsHeader& header) : path_(path), header_(header) {}

  bool start_object(size_t) override {
    if (state_ == State::kStart) {
      state_ = State::kTop;
    } else if (state_ == State::kTop && name_ == kMetadataKey) {
      state_ = State::kMetadata;
    } else if (state_ == State::kTop) {
      state_ = State::kTensor;
      tensor_ = TensorInfo{};
      has_dtype_ = has_shape_ = has_offsets_ = false;
    } else {
      fail("unexpected nested object");
    }
    return true;
  }

  bool key(std::string& text) override {
    switch (state_) {
      case State::kTop:
        name_ = text;
        if (name_ == kMetadataKey ? std::exchange(has_metadata_, true) : header_.tensors.count(name_) != 0) {
          fail("the name occurs twice");
        }
        break;
      case State::kMetadata:
        field_ = text;
        if (header_.metadata.count(field_) != 0) fail("key " + in_quotes(field_) + " occurs twice");
        break;
      default: tensor_field(text);
    }
    return true;
  }

  bool end_object() override {
    if (state_ == State::kTensor) {
      finish_tensor();
      state_ = State::kTop;
    } else {
      state_ = state_ == State::kMetadata ? State::kTop : State::kDone;
    }
    return true;
  }

  bool start_array(size_t) override {
    if (state_ == State::kTensor && field_ == "shape") {
      state_ = State::kShape;
    } else if (state_ == State::kTensor && field_ == "data_offsets") {
      state_ = State::kOffsets;
      offset_count_ = 0;
    } else {
      fail("unexpected array");
    }
    return true;
  }

  bool end_array() override {
    if (state_ == State::kOffsets && offset_count_ != 2) fail("data_offsets needs two numbers, begin and end");
    state_ = State::kTensor;
    return true;
  }

  bool number_unsigned(uint64_t value) override {
    if (state_ == State::kShape) {
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) fail("shape is too large");
      tensor_.shape.push_back(static_cast<int64_t>(value));
    } else if (state_ == State::kOffsets) {
      if (++offset_count_ > 2) fail("data_offsets needs two numbers, begin and end");
      (offset_count_ == 1 ? tensor_.begin : tensor_.end) = value;
    } else {
      fail("unexpected number");
    }
    return true;
  }

  bool string(std::string& text) override {
    if (state_ == State::kMetadata) {
      header_.metadata[field_] = text;
    } else if (state_ == State::kTensor && field_ == "dtype") {
      tensor_.dtype = text;
    } else {
      fail("unexpected string");
    }
    return true;
  }

  bool number_integer(int64_t) override { fail("negative number, only integers of at least 0 are allowed"); }
  bool number_float(double, const std::string&) override { fail("number that is no 64-bit integer"); }
  bool boolean(bool) override { fail("unexpected true or false"); }
  bool null() override { fail("unexpected null"); }
  bool binary(binary_t&) override { fail("unexpected value"); }  // cannot occur in JSON text

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    throw InputError(path_ + ": header is not valid JSON, at byte " +
                     std::to_string(kLengthBytes + (position == 0 ? 0 : position - 1)));
  }

 private:
  enum class State { kStart, kTop, kMetadata, kTensor, kShape, kOffsets, kDone };

  [[noreturn]] void fail(const std::string& what) const {
    if (state_ == State::kStart) throw InputError(path_ + ": header is no JSON object: " + what);
    throw InputError(path_ + ": " + what + ", in the header's entry " + in_quotes(name_));
  }

  void tensor_field(const std::string& field) {
    field_ = field;
    bool* seen = field == "dtype"          ? &has_dtype_
                 : field == "shape"        ? &has_shape_
                 : field == "data_offsets" ? &has_offsets_
                                           : nullptr;
    if (seen == nullptr) fail("unknown field " + in_quotes(field) + " (allowed: dtype, shape, data_offsets)");
    if (std::exchange(*seen, true)) fail("field " + in_quotes(field) + " occurs twice");
  }

  void finish_tensor() {
    if (!has_dtype_ || !has_shape_ || !has_offsets_) fail("dtype, shape or data_offsets is missing");
    if (tensor_.begin > tensor_.end) fail("data_offsets end before they begin");
    uint64_t elements = 1;
    uint64_t bytes = 0;
    for (const int64_t extent : tensor_.shape) {
      if (__builtin_mul_overflow(elements, static_cast<uint64_t>(extent), &elements)) fail("shape overflows 64 bits");
    }
    const uint64_t width = dtype_bytes(tensor_.dtype);
    if (width != 0) {  // an unknown type may have any size: only reading it is an error
      if (__builtin_mul_overflow(elements, width, &bytes)) fail("shape overflows 64 bits");
      if (tensor_.end - tensor_.begin != bytes) {
        fail("data_offsets span " + std::to_string(tensor_.end - tensor_.begin) + " bytes, but " + tensor_.dtype +
             " of shape " + to_string(tensor_.shape) + " needs " + std::to_string(bytes));
      }
    }
    header_.tensors[name_] = std::move(tensor_);
  }

  const std::string& path_;
  SafetensorsHeader& header_;
  State state_ = State::kStart;
  std::string name_;   // key at the top
  std::string field_;  // key below it
  TensorInfo tensor_;
  int offset_count_ = 0;
  bool has_metadata_ = false;
  bool has_dtype_ = false, has_shape_ = false, has_offsets_ = false;
};

/// Every byte of data belongs to exactly one tensor.
void check_coverage(const std::string& path, const SafetensorsHeader& header, uint64_t data_bytes) {
  std::vector<const std::pair<const std::string, TensorInfo>*> order;
  order.reserve(header.tensors.size());
  for (const auto& tensor : header.tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  uint64_t covered = 0;
  for (const auto* tensor : order) {
    const auto& [name, info] = *tensor;
    const std::string where =
        ", tensor " + in_quotes(name) + " at [" + std::to_string(info.begin) + ", " + std::to_string(info.end) + "]";
    if (info.end > data_bytes) {
      throw InputError(path + ": data_offsets beyond the " + std::to_string(data_bytes) + " bytes of data" + where);
    }
    if (info.begin < covered) throw InputError(path + ": data_offsets overlap those of another tensor" + where);
    if (info.begin > covered) throw InputError(path + ": gap in the data before" + where.substr(1));
    covered = info.end;
  }
  if (covered != data_bytes) {
    throw InputError(path + ": " + std::to_string(data_bytes - covered) +
                     " bytes of no tensor, at the end of the file");
  }
}

}  // namespace

uint64_t dtype_bytes(std::string_view dtype) {
  for (const auto& [name, bytes] : kDtypes) {
    if (name == dtype) return bytes;
  }
  return 0;
}

std::string in_quotes(std::string_view name) {
  constexpr size_t kLongest = 80;
  std::string text(name.substr(0, kLongest));
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  std::replace_if(text.begin(), text.end(), is_control, '?');
  return "'" + text + (name.size() > kLongest ? "...'" : "'");
}

SafetensorsHeader parse_safetensors_header(const std::string& path, const uint8_t* file, uint64_t size) {
  if (const std::string advice = foreign_file_advice(file, size); !advice.empty())
    throw InputError(path + ": " + advice);
  if (size < kLengthBytes) {
    throw InputError(path + ": no safetensors file, " + std::to_string(size) + " bytes where at least 8 are needed");
  }
  uint64_t length = 0;
  std::memcpy(&length, file, kLengthBytes);
  const uint64_t longest = std::min(size - kLengthBytes, kMaxHeaderBytes);
  if (length > longest) {
    throw InputError(path + ": no safetensors file or a truncated one, header length " + std::to_string(length) +
                     " at byte 0, at most " + std::to_string(longest) + " is possible");
  }
  const uint8_t* begin = file + kLengthBytes;
  const uint8_t* end = begin + length;
  if (length == 0 || *begin != '{') throw InputError(path + ": header does not start with '{', at byte 8");
  // The JSON library takes a NUL for the end of its input; what follows it would go unnoticed.
  if (std::find(begin, end, uint8_t{0}) != end) throw InputError(path + ": header contains a NUL byte");

  SafetensorsHeader header;
  header.data_offset = kLengthBytes + length;
  HeaderHandler handler(path, header);
  json::sax_parse(begin, end, &handler);
  check_coverage(path, header, size - header.data_offset);
  return header;
}

}  // namespace heatvit::weights
