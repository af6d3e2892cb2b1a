// In place of run_sim's commands.cpp: a fuzz target prints and writes nothing.
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/commands.h"

namespace heatvit::tb {

void print(const std::string& /*text*/) {}
void write_file(const std::string& /*path*/, const std::string& /*text*/) {}
bool answered(const CommandLine& /*line*/) { return false; }

}  // namespace heatvit::tb
