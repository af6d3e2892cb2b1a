#include "tb/report/timeline.h"

#include <cstdio>

namespace heatvit::tb {
namespace {

constexpr int kCommandTrack = 1;  // the units follow

std::string name_of_command(const soc::CommandRecord& record) {
  const std::string op(isa::name_of(record.op));
  if (record.block == 0) return "embedding " + op;
  return (record.block == isa::kHeadBlock ? "classifier " : "block " + std::to_string(record.block) + " ") + op;
}

/// "wait_weights" -> "waits for weights".
std::string name_of_wait(modules::Cause cause) {
  const std::string name(modules::name_of(cause));
  return name.rfind("wait_", 0) == 0 ? "waits for " + name.substr(5) : name;
}

class TraceText {
 public:
  explicit TraceText(double clock_mhz) : clock_mhz_(clock_mhz) {}

  void name_track(int track, const std::string& name) {
    event("{\"ph\":\"M\",\"pid\":1,\"tid\":%d,\"name\":\"thread_name\",\"args\":{\"name\":\"%s\"}}", track,
          name.c_str());
    event("{\"ph\":\"M\",\"pid\":1,\"tid\":%d,\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":%d}}", track,
          track);
  }

  void slice(int track, const std::string& name, const std::string& category, uint64_t begin, uint64_t end,
             const std::string& command) {
    event(
        "{\"ph\":\"X\",\"pid\":1,\"tid\":%d,\"name\":\"%s\",\"cat\":\"%s\",\"ts\":%.6f,\"dur\":%.6f,"
        "\"args\":{\"command\":\"%s\",\"cycles\":%llu}}",
        track, name.c_str(), category.c_str(), microseconds(begin), microseconds(end - begin), command.c_str(),
        static_cast<unsigned long long>(end - begin));
  }

  void tokens(uint64_t cycle, int count) {
    event("{\"ph\":\"C\",\"pid\":1,\"name\":\"tokens\",\"ts\":%.6f,\"args\":{\"tokens\":%d}}", microseconds(cycle),
          count);
  }

  std::string finish() && {
    return "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n"
           "{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":\"HeatViT accelerator\"}}" +
           std::move(text_) + "\n]}\n";
  }

 private:
  template <class... Values>
  void event(const char* format, Values... values) {
    char line[512];
    const int length = std::snprintf(line, sizeof line, format, values...);
    text_ += ",\n";
    text_.append(line, static_cast<size_t>(length));
  }

  double microseconds(uint64_t cycles) const { return static_cast<double>(cycles) / clock_mhz_; }

  double clock_mhz_;
  std::string text_;
};

}  // namespace

std::string timeline_json(const soc::ImageResult& result, const soc::Simulator::Slices& slices, double clock_mhz) {
  TraceText text(clock_mhz);
  text.name_track(kCommandTrack, "commands");
  std::vector<std::string> names;
  uint64_t time = 0;
  int tokens = 0;
  for (const soc::CommandRecord& record : result.commands) {
    names.push_back(name_of_command(record));
    // Every block begins with a LayerNorm; what it finds is what the selector before it left.
    if ((record.op == isa::Op::kNorm1 || tokens == 0) && record.tokens != tokens && record.tokens != 0) {
      text.tokens(time, record.tokens);
      tokens = record.tokens;
    }
    if (record.cycles != 0)
      text.slice(kCommandTrack, names.back(), "command", time, time + record.cycles, names.back());
    time += record.cycles;
  }
  text.tokens(time, tokens);
  for (size_t u = 0; u < slices.size(); ++u) {
    const int track = kCommandTrack + 1 + static_cast<int>(u);
    text.name_track(track, std::string(modules::name_of(static_cast<modules::Unit>(u))));
    for (const modules::Slice& slice : slices[u]) {
      const std::string& command = names.at(slice.command);
      const bool busy = slice.cause == modules::Cause::kBusy;
      text.slice(track, busy ? command : name_of_wait(slice.cause), std::string(modules::name_of(slice.cause)),
                 slice.begin, slice.end, command);
    }
  }
  return std::move(text).finish();
}

}  // namespace heatvit::tb
