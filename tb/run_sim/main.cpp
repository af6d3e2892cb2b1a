// run_sim: one program, one file a subcommand.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>

#include "accel/isa/errors.h"
#include "tb/config/atomic_file.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/commands.h"

namespace heatvit::tb {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitInput = 2;

int complain(const std::string& message, int code) {
  std::string line = message;
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::fprintf(stderr, "run_sim: error: %s\n", line.c_str());
  return code;
}

int dispatch(Arguments arguments) {
  const std::map<std::string, int (*)(const Arguments&)> commands = {{"run", run_command},
                                                                     {"quantize", quantize_command},
                                                                     {"disasm", disasm_command},
                                                                     {"list", list_command},
                                                                     {"mem", mem_command},
                                                                     {"table", table_command},
                                                                     {"sweep", sweep_command},
                                                                     {"pareto", pareto_command},
                                                                     {"hls-config", hls_config_command},
                                                                     {"hls-estimate", hls_estimate_command},
                                                                     {"report", report_command},
                                                                     {"compare", compare_command},
                                                                     {"reproduce", reproduce_command}};
  std::replace(arguments.begin(), arguments.end(), std::string("-h"), std::string("--help"));
  std::string name = "run";
  if (!arguments.empty() && !arguments.front().empty() && arguments.front().front() != '-') {
    name = arguments.front();
    arguments.erase(arguments.begin());
  }
  const auto command = commands.find(name);
  if (command == commands.end()) {
    std::string known;
    for (const auto& entry : commands) known += (known.empty() ? "" : ", ") + entry.first;
    throw InputError("unknown command '" + name + "'; there are " + known);
  }
  return command->second(arguments);
}

int guarded(const Arguments& arguments) {
  try {
    return dispatch(arguments);
  } catch (const InputError& error) {
    return complain(error.what(), kExitInput);
  } catch (const WriteError& error) {
    return complain(error.what(), kExitFailure);
  } catch (const std::bad_alloc&) {
    return complain("out of memory", kExitFailure);
  } catch (const std::runtime_error& error) {  // worded for the reader: a hardware error, a worker that died
    return complain(error.what(), kExitFailure);
  } catch (const std::exception& error) {
    return complain(std::string("internal: ") + error.what(), kExitFailure);
  }
}

}  // namespace

void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw WriteError(std::string("writing to stdout failed: ") + std::strerror(errno));
  }
}

bool answered(const CommandLine& line) {
  if (line.has("help")) print(line.help());
  if (line.has("version")) print("run_sim " HEATVIT_VERSION "\n");
  return line.has("help") || line.has("version");
}

}  // namespace heatvit::tb

int main(int argc, char** argv) {
  heatvit::tb::install_signal_handlers();
  auto logger = spdlog::stderr_logger_st("run_sim");
  logger->set_pattern("run_sim: %l: %v");
  spdlog::set_default_logger(logger);
  return heatvit::tb::guarded({argv + 1, argv + argc});
}
