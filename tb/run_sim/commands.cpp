// The program's commands by name, for run_sim and for whoever calls them otherwise.
#include "tb/run_sim/commands.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "accel/isa/errors.h"
#include "models/weights/atomic_file.h"
#include "tb/run_sim/command_line.h"

namespace heatvit::tb {
namespace {

struct Subcommand {
  const char* name;
  const char* help;  // one line
  int (*run)(const Arguments& arguments);
};

/// All there are: dispatch, the error about an unknown one and the list below `run_sim --help` read it.
constexpr Subcommand kSubcommands[] = {
    {"run", "images, or just the timing, of a network on the accelerator (the default)", run_command},
    {"table", "latency of a network's parts by token count", table_command},
    {"sweep", "many design points, stored as they get ready", sweep_command},
    {"pareto", "the front of a sweep's results", pareto_command},
    {"report", "a page of a run or of a sweep", report_command},
    {"compare", "runs side by side", compare_command},
    {"rerun", "a run again from its JSON: identical or not", rerun_command},
    {"reproduce", "published figures against simulated ones", reproduce_command},
    {"mem", "the memory alone, under a trace or under fabric masters", mem_command},
    {"hls-config", "the C++ header that fixes the sizes of a synthesis", hls_config_command},
    {"hls-estimate", "cycles of the synthesised units beside what the modules charge", hls_estimate_command},
    {"export", "all that a board needs to run an image, and what it must give", export_command},
    {"import-result", "what a board wrote back, checkpoint by checkpoint", import_result_command},
    {"import", "a published checkpoint as a file of our own, with its network's description", import_command},
    {"quantize", "the quantised model that the accelerator runs", quantize_command},
    {"disasm", "command list and memory map of a model", disasm_command},
    {"asm", "a command list in text as the words that run --program takes", asm_command},
    {"list", "models, parameters, devices", list_command}};

}  // namespace

int dispatch(Arguments arguments) {
  std::replace(arguments.begin(), arguments.end(), std::string("-h"), std::string("--help"));
  std::string name = "run";
  if (!arguments.empty() && !arguments.front().empty() && arguments.front().front() != '-') {
    name = arguments.front();
    arguments.erase(arguments.begin());
  }
  for (const Subcommand& command : kSubcommands)
    if (name == command.name) return command.run(arguments);
  std::string known;
  for (const Subcommand& command : kSubcommands) known += (known.empty() ? "" : ", ") + std::string(command.name);
  throw InputError("unknown command '" + name + "'; there are " + known);
}

std::string subcommand_list() {
  std::string text = "\nCommands (each with --help)\n";
  for (const Subcommand& command : kSubcommands) {
    std::string name = std::string("  ") + command.name;
    name.resize(16, ' ');
    text += name + command.help + "\n";
  }
  return text;
}

void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    if (errno == EPIPE) throw weights::ClosedPipe();
    throw WriteError(std::string("writing to stdout failed: ") + std::strerror(errno));
  }
}

void write_file(const std::string& path, const std::string& text) {
  weights::AtomicFile file(path);
  file.write(text);
  file.commit();
}

bool answered(const CommandLine& line) {
  if (line.has("help")) print(line.help());
  if (line.has("version")) print("run_sim " HEATVIT_VERSION "\n");
  return line.has("help") || line.has("version");
}

}  // namespace heatvit::tb
