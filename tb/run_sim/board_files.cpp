#include "tb/run_sim/board_files.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "accel/isa/errors.h"
#include "accel/kernels/limits.h"
#include "accel/modules/registers.h"
#include "models/zoo/json_number.h"
#include "tb/config/json_file.h"
#include "tb/config/sha256.h"
#include "tb/config/text_lines.h"
#include "tb/hls_check/hls_header.h"

namespace heatvit::tb {
namespace {

using Json = nlohmann::ordered_json;
using isa::Command;

constexpr uint32_t kAlignment = 64;

uint32_t aligned(uint32_t address) { return (address + kAlignment - 1) / kAlignment * kAlignment; }

std::string sha256(const std::string& bytes) {
  Sha256 sum;
  sum.add(bytes.data(), bytes.size());
  return sum.digest();
}

std::string element_name(isa::Element element) {
  static constexpr std::array<const char*, isa::kElements> kNames = {"int8", "uint8", "int16", "uint16", "int32"};
  return kNames[static_cast<size_t>(element)];
}

isa::Element element_of(const std::string& name) {
  for (int i = 0; i < isa::kElements; ++i)
    if (element_name(static_cast<isa::Element>(i)) == name) return static_cast<isa::Element>(i);
  throw InputError("unknown element " + name);
}

/// Rows of the residual stream as they are now, to the window.
Command copy_of(const Command& writer, int index, uint32_t to, uint32_t row_bytes) {
  Command copy;
  copy.opcode = isa::Opcode::kCopy;
  copy.block = writer.block;
  copy.op = static_cast<uint8_t>(isa::Op::kCls);
  copy.m = {0, 1};
  copy.n = {static_cast<int16_t>(row_bytes), 0};
  copy.immediate.shift = 1;
  copy.a = {writer.c.address, writer.c.pitch, 0};
  copy.c = {to, row_bytes, 0};
  copy.wait_a = static_cast<isa::Dependency>(index + 1);
  return copy;
}

/// After these commands the residual stream is what a checkpoint of the executor holds: name by index.
std::vector<std::pair<size_t, std::string>> places(const lower::Program& program) {
  std::vector<std::pair<size_t, std::string>> found;
  for (int block = 1; block <= program.spec.depth; ++block) {
    size_t last = 0;
    for (size_t i = 0; i < program.commands.size(); ++i) {
      const Command& c = program.commands[i];
      if (c.block != block) continue;
      if (c.opcode == isa::Opcode::kTokenPack) found.emplace_back(i, "selector." + std::to_string(c.stage) + ".out");
      if (!isa::of_selector(isa::op_of(c))) last = i;
    }
    found.emplace_back(last, "block." + std::to_string(block) + ".out");
  }
  return found;
}

std::string words_of(const std::vector<Command>& commands) {
  std::string bytes;
  for (const Command& c : commands) {
    const isa::CommandWords words = isa::encode(c);
    bytes.append(reinterpret_cast<const char*>(words.data()), sizeof words);
  }
  return bytes;
}

/// A value of a tensor in memory, little endian.
int64_t value_at(const char* bytes, isa::Element element) {
  const auto as = [bytes](auto value) {
    std::memcpy(&value, bytes, sizeof value);
    return static_cast<int64_t>(value);
  };
  switch (element) {
    case isa::Element::kInt8: return as(int8_t{});
    case isa::Element::kUint8: return as(uint8_t{});
    case isa::Element::kInt16: return as(int16_t{});
    case isa::Element::kUint16: return as(uint16_t{});
    default: return as(int32_t{});
  }
}

template <class T>
std::string bytes_as(const std::vector<T>& values, isa::Element element) {
  std::string bytes;
  for (const T value : values) {
    const int64_t wide = value;
    bytes.append(reinterpret_cast<const char*>(&wide), static_cast<size_t>(isa::bytes_of(element)));
  }
  return bytes;
}

struct MemorySection {
  std::string name;
  uint32_t address;
  std::string bytes;
};

/// The image as it lies in DDR: the same numbers in the width of an operand.
std::string pixels_of(const lower::Program& program, const std::vector<int8_t>& image) {
  std::string bytes;
  const bool wide = program.image.bytes == 2 * image.size();
  for (const int8_t pixel : image) {
    bytes += static_cast<char>(pixel);
    if (wide) bytes += static_cast<char>(pixel < 0 ? -1 : 0);
  }
  return bytes;
}

/// What must lie in DDR before the start. Weights and records that touch become one section.
std::vector<MemorySection> sections_of(const lower::Program& program, const CheckedProgram& checked,
                                       const std::vector<int8_t>& image) {
  std::vector<MemorySection> sections;
  const auto content = [&program](const isa::Region& r) {
    const auto begin = program.constants.begin() + static_cast<ptrdiff_t>(r.address);
    return std::string(begin, begin + static_cast<ptrdiff_t>(r.bytes));
  };
  for (const isa::Region& r : program.regions) {
    if (!r.filled || isa::on_chip(r.address)) continue;
    if (r.address == program.command_list.address) {
      sections.push_back({"commands", r.address, content(program.command_list)});
      continue;
    }
    MemorySection* last = sections.empty() ? nullptr : &sections.back();
    if (last != nullptr && last->name == "weights" &&
        r.address - (last->address + static_cast<uint32_t>(last->bytes.size())) < kAlignment) {
      last->bytes.resize(r.address - last->address);
      last->bytes += content(r);
    } else {
      sections.push_back({"weights", r.address, content(r)});
    }
  }
  sections.push_back({"input", program.image.address, pixels_of(program, image)});
  sections.push_back({"commands with checkpoints", checked.list_address, words_of(checked.commands)});
  return sections;
}

std::string hex(uint32_t value) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "0x%08x", value);
  return text.data();
}

/// The registers that the driver writes, in its order.
Json registers_of(uint32_t list, size_t count, int tokens, uint32_t seed) {
  const auto write = [](const char* name, int offset, uint32_t value) {
    return Json{{"register", name}, {"offset", offset}, {"value", value}};
  };
  Json writes =
      Json::array({write("LIST_BASE", HEATVIT_LIST_BASE, list),
                   write("LIST_COUNT", HEATVIT_LIST_COUNT, static_cast<uint32_t>(count)),
                   write("TOKENS", HEATVIT_TOKENS, static_cast<uint32_t>(tokens)), write("BATCH", HEATVIT_BATCH, 1),
                   write("IMAGE", HEATVIT_IMAGE, 0), write("SEED", HEATVIT_SEED, seed)});
  for (int i = 0; i < HEATVIT_KEEP_REGISTERS; ++i)
    writes.push_back(write("KEEP", HEATVIT_KEEP + 4 * i, HEATVIT_KEEP_COMMAND));
  writes.push_back(write("CONTROL", HEATVIT_CONTROL, 1));
  return writes;
}

std::string c_bytes(const std::string& name, const std::string& bytes) {
  constexpr size_t kOfALine = 32;
  std::string text = "static const uint8_t " + name + "[" + std::to_string(bytes.size()) + "] = {";
  text.reserve(bytes.size() * 4);
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i % kOfALine == 0) text += "\n";
    text += std::to_string(static_cast<unsigned>(static_cast<uint8_t>(bytes[i])));
    text += ',';
  }
  return text + "};\n";
}

/// The same for a program without a file system: heatvit_board.h has the type.
std::string c_source(const std::vector<MemorySection>& sections, const lower::Program& program,
                     const CheckedProgram& checked, uint32_t seed) {
  std::string text =
      "/* Written by run_sim export --c-array: include it once, after accel/soc/driver/heatvit_board.h. */\n";
  std::string table;
  for (size_t i = 0; i < sections.size(); ++i) {
    const std::string name = "heatvit_section_" + std::to_string(i);
    text += c_bytes(name, sections[i].bytes);
    table +=
        "    {" + hex(sections[i].address) + "u, " + std::to_string(sections[i].bytes.size()) + "u, " + name + "},\n";
  }
  const auto number = [](uint64_t value) { return std::to_string(value) + "u"; };
  return text + "static const struct heatvit_section heatvit_sections[" + std::to_string(sections.size()) + "] = {\n" +
         table + "};\nstatic const struct heatvit_board_image heatvit_image_of_board = {\n    " +
         number(checked.memory_bytes) + ", " + number(program.logits.address) + ", " + number(program.logits.bytes) +
         ", " + number(checked.window_address) + ", " + number(checked.window_bytes) + ", {" +
         number(program.command_list.address) + ", " + number(checked.list_address) + "}, {" +
         number(program.commands.size()) + ", " + number(checked.commands.size()) + "}, " +
         number(static_cast<uint64_t>(program.tokens)) + ", " + number(seed) + ", " + number(sections.size()) +
         ", heatvit_sections};\n";
}

const reference::Checkpoint& checkpoint(const reference::IntegerResult& result, const std::string& name) {
  for (const reference::Checkpoint& c : result.checkpoints)
    if (c.name == name) return c;
  throw std::logic_error("the executor has no checkpoint " + name);
}

using ResultWords = std::array<uint32_t, kResultHeaderBytes / 4>;

/// Values of a tensor that differ, and where the first one is: `what` of a manifest, which people may have altered,
/// says where it lies in what was exported and what came back.
BoardComparison compare(const std::string& name, const Json& what, const Json& rows_of, const char* got,
                        const std::string& expected) {
  const isa::Element element = element_of(what.at("element"));
  const auto size = static_cast<uint64_t>(isa::bytes_of(element));
  constexpr int64_t kMost = 1 << 24;
  const auto all_rows = zoo::whole_number(rows_of, 1, kMost),
             all_columns = zoo::whole_number(what.at("values"), 1, kMost);
  const auto begin = zoo::whole_number(what.at("offset"), 0, static_cast<int64_t>(expected.size()));
  if (!all_rows || !all_columns || !begin ||
      static_cast<uint64_t>(*all_rows * *all_columns) * size > expected.size() - static_cast<uint64_t>(*begin))
    throw InputError("manifest.json: " + name + " lies outside of expected.bin");
  const int64_t rows = *all_rows, columns = *all_columns;
  const auto offset = static_cast<uint64_t>(*begin);
  BoardComparison c{name, rows * columns, 0, ""};
  for (int64_t i = 0; i < c.values; ++i) {
    const uint64_t at = offset + static_cast<uint64_t>(i) * size;
    const int64_t is = value_at(got + at, element), should = value_at(expected.data() + at, element);
    if (is == should) continue;
    if (c.differ++ == 0)
      c.first = (rows > 1 ? "token " + std::to_string(i / columns) + ", " : "") + "value " +
                std::to_string(i % columns) + ": " + std::to_string(is) + ", expected " + std::to_string(should);
  }
  return c;
}

/// Header and values of a result, against what a manifest expects.
std::vector<BoardComparison> compare_all(const Json& should, const ResultWords& words, const char* data,
                                         const std::string& expected) {
  std::vector<BoardComparison> comparisons;
  if (words[kResultChecked] != 0 && should.at("checkpoints").empty())
    throw InputError("manifest.json: has no checkpoints, which the list that ran has");
  if (words[kResultChecked] != 0)
    for (const Json& c : should.at("checkpoints"))
      comparisons.push_back(compare(c.at("name"), c, c.at("tokens"), data, expected));
  const Json& kept = should.at("kept");
  BoardComparison counts{"tokens kept", static_cast<int64_t>(kept.size()), 0, ""};
  if (words[kResultStages] != kept.size()) {
    counts.differ = counts.values == 0 ? 1 : counts.values;
    counts.first = std::to_string(words[kResultStages]) + " selectors ran, expected " + std::to_string(kept.size());
  } else {
    for (size_t i = 0; i < kept.size() && i < kResultKeptWords; ++i) {
      const auto expected_kept = zoo::whole_number(kept.at(i), 0, std::numeric_limits<uint32_t>::max());
      if (!expected_kept) throw InputError("manifest.json: kept " + kept.at(i).dump() + " is no number of tokens");
      if (words[kResultKept + i] == *expected_kept) continue;
      if (counts.differ++ == 0)
        counts.first = "selector " + std::to_string(i + 1) + ": " + std::to_string(words[kResultKept + i]) +
                       ", expected " + std::to_string(*expected_kept);
    }
  }
  comparisons.push_back(counts);
  comparisons.push_back(compare("logits", should.at("logits"), 1, data, expected));
  return comparisons;
}

}  // namespace

void expect_runs_on_top(const lower::Program& program) {
  const auto expect = [&program](const char* what, int has, int most) {
    if (has > most)
      throw InputError("export: heatvit_top holds " + std::to_string(most) + " " + what + "; " +
                       std::string(program.spec.name) + " has " + std::to_string(has));
  };
  expect("tokens", program.tokens, kernels::kMaxTokens);
  for (const Command& c : program.commands) {
    const int values = c.n.at(program.tokens);
    if (c.opcode == isa::Opcode::kLayerNorm || c.opcode == isa::Opcode::kSoftmax || c.opcode == isa::Opcode::kHeadMean)
      expect("values of a row", values, kernels::kMaxRow);
    if (c.opcode == isa::Opcode::kTokenScore) expect("heads of a selector", values, kernels::kMaxHeads);
  }
}

CheckedProgram with_checkpoints(const lower::Program& program) {
  CheckedProgram checked;
  const auto copies = places(program);
  const uint32_t list_bytes =
      static_cast<uint32_t>((program.commands.size() + copies.size()) * static_cast<size_t>(isa::kCommandBytes));
  checked.list_address = aligned(program.memory_bytes);
  checked.window_address = aligned(checked.list_address + list_bytes);
  uint32_t end = checked.window_address;
  std::vector<isa::Dependency> moved(program.commands.size() + 1, 0);  // index plus one of a command, then
  for (size_t i = 0; i < program.commands.size(); ++i) {
    Command c = program.commands[i];
    c.chain = c.follows = false;
    c.wait_a = moved[c.wait_a];
    c.wait_b = moved[c.wait_b];
    checked.commands.push_back(c);
    moved[i + 1] = static_cast<isa::Dependency>(checked.commands.size());
    for (const auto& [place, name] : copies) {
      if (place != i) continue;
      const uint32_t row_bytes = static_cast<uint32_t>(program.dim * isa::bytes_of(c.c_type));
      checked.checkpoints.push_back({name, static_cast<int>(i), end, row_bytes, c.c_type});
      checked.commands.push_back(copy_of(c, static_cast<int>(checked.commands.size()) - 1, end, row_bytes));
      end = aligned(end + row_bytes * static_cast<uint32_t>(program.tokens));
    }
  }
  checked.window_bytes = end - checked.window_address;
  checked.memory_bytes = end;
  return checked;
}

BoardFiles board_files(const lower::Program& program, const soc::SocConfig& config, const std::vector<int8_t>& image,
                       uint32_t seed, const reference::IntegerResult& expected, bool c_array) {
  const CheckedProgram checked = with_checkpoints(program);
  const std::vector<MemorySection> sections = sections_of(program, checked, image);
  BoardFiles out;
  Json section_list = Json::array();
  std::string ddr, lines;
  for (const MemorySection& s : sections) {
    section_list.push_back({{"name", s.name},
                            {"address", s.address},
                            {"offset", ddr.size()},
                            {"bytes", s.bytes.size()},
                            {"sha256", sha256(s.bytes)}});
    lines += "section " + std::to_string(s.address) + " " + std::to_string(ddr.size()) + " " +
             std::to_string(s.bytes.size()) + "\n";
    ddr += s.bytes;
  }

  std::string result = bytes_as(expected.logits, program.logits_type);
  result.resize(program.logits.bytes);
  Json checkpoints = Json::array();
  for (const BoardCheckpoint& c : checked.checkpoints) {
    const reference::Checkpoint& should = checkpoint(expected, c.name);
    const size_t offset = program.logits.bytes + (c.address - checked.window_address);
    std::string bytes = bytes_as(should.x, c.element);
    result.resize(offset);
    checkpoints.push_back({{"name", c.name},
                           {"after_command", c.command},
                           {"address", c.address},
                           {"offset", offset},
                           {"tokens", should.tokens},
                           {"values", program.dim},
                           {"element", element_name(c.element)}});
    result += bytes;
  }
  result.resize(program.logits.bytes + checked.window_bytes);
  Json kept = Json::array();
  for (const auto& stage : expected.kept) kept.push_back(stage.size());

  const auto number = [](uint64_t value) { return " " + std::to_string(value); };
  std::string board = "heatvit-board" + number(kBoardVersion) + "\nmemory" + number(checked.memory_bytes) + "\nlogits" +
                      number(program.logits.address) + number(program.logits.bytes) + "\nwindow" +
                      number(checked.window_address) + number(checked.window_bytes) + "\nplain" +
                      number(program.command_list.address) + number(program.commands.size()) + "\nchecked" +
                      number(checked.list_address) + number(checked.commands.size()) + "\nstart" +
                      number(static_cast<uint64_t>(program.tokens)) + number(seed) + "\nsections" +
                      number(sections.size()) + "\n" + lines + "end\n";

  Json hardware;
  for (const HlsConstant& constant : hls_constants(config)) hardware[constant.name] = constant.value;
  out.files = {{"ddr.bin", std::move(ddr)},
               {"board.txt", std::move(board)},
               {"expected.bin", std::move(result)},
               {"hls_config.h", hls_header(config, program.spec.name)}};
  if (c_array) out.files.emplace_back("heatvit_image.h", c_source(sections, program, checked, seed));
  Json files;
  for (const auto& [name, content] : out.files) files[name] = {{"bytes", content.size()}, {"sha256", sha256(content)}};
  out.manifest = {{"heatvit_board", kBoardVersion},
                  {"model", program.spec.name},
                  {"hardware", hardware},
                  {"memory_bytes", checked.memory_bytes},
                  {"files", files},
                  {"sections", section_list},
                  {"lists",
                   {{"plain", {{"address", program.command_list.address}, {"commands", program.commands.size()}}},
                    {"checked", {{"address", checked.list_address}, {"commands", checked.commands.size()}}}}},
                  {"registers", registers_of(checked.list_address, checked.commands.size(), program.tokens, seed)},
                  {"window", {{"address", checked.window_address}, {"bytes", checked.window_bytes}}},
                  {"expected",
                   {{"kept", kept},
                    {"logits",
                     {{"address", program.logits.address},
                      {"offset", 0},
                      {"bytes", program.logits.bytes},
                      {"values", expected.logits.size()},
                      {"element", element_name(program.logits_type)}}},
                    {"checkpoints", checkpoints}}}};
  return out;
}

std::vector<BoardComparison> compare_result(const std::string& folder, const std::string& result, Json& header) {
  namespace fs = std::filesystem;
  const std::string manifest_path = (fs::path(folder) / "manifest.json").string();
  const Json manifest = read_json(manifest_path);
  try {
    if (!manifest.is_object() || manifest.value("heatvit_board", Json()) != Json(kBoardVersion))
      throw InputError(manifest_path + ": is not of run_sim export, version " + std::to_string(kBoardVersion));
    const std::string expected = read_bytes((fs::path(folder) / "expected.bin").string()), got = read_bytes(result);
    if (sha256(expected) != manifest.at("files").at("expected.bin").at("sha256").get<std::string>())
      throw InputError((fs::path(folder) / "expected.bin").string() + ": is not what was exported");
    ResultWords words{};
    if (got.size() < kResultHeaderBytes) throw InputError(result + ": is shorter than a result's header");
    std::memcpy(words.data(), got.data(), kResultHeaderBytes);
    if (words[0] != kResultMagic || words[1] != kBoardVersion)
      throw InputError(result + ": is no result of a board (it begins with HVRS and version " +
                       std::to_string(kBoardVersion) + ")");
    if (got.size() != kResultHeaderBytes + expected.size())
      throw InputError(result + ": has " + std::to_string(got.size()) + " bytes, a result of " + folder + " has " +
                       std::to_string(kResultHeaderBytes + expected.size()));
    const uint64_t nanoseconds = words[kResultNanoseconds] | uint64_t{words[kResultNanoseconds + 1]} << 32;
    header = {{"status", words[kResultStatus]}, {"checked", words[kResultChecked] != 0}, {"nanoseconds", nanoseconds}};
    return compare_all(manifest.at("expected"), words, got.data() + kResultHeaderBytes, expected);
  } catch (const Json::exception& error) {
    throw InputError(manifest_path + ": is not as run_sim export writes it: " + error.what());
  }
}

}  // namespace heatvit::tb
