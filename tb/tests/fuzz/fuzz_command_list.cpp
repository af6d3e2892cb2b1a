// Command lists, as text or as words: what is read is printed and read back the same, and looked at as `run --program`
// does. Files of the corpus are the first commands of a network and its last.
#include "accel/isa/command_text.h"
#include "accel/soc/list_check.h"
#include "models/lower/program.h"
#include "tb/config/program_file.h"
#include "tb/tests/fuzz/fuzz_support.h"

namespace {

using heatvit::fuzz::InputFile;
namespace isa = heatvit::isa;

const heatvit::lower::Program& network() {
  static const heatvit::lower::Program kProgram = [] {
    heatvit::network::Pruning pruning;
    pruning.scorer = heatvit::network::Scorer::kClsAttention;
    pruning.positions = {3};
    return heatvit::lower::lower(heatvit::zoo::find("deit-micro"), {}, pruning, nullptr);
  }();
  return kProgram;
}

void expect_same(const std::vector<isa::Command>& commands, const std::string& file) {
  const InputFile text(reinterpret_cast<const uint8_t*>(file.data()), file.size());
  const std::vector<isa::Command> again = heatvit::tb::read_program(text.path()).commands;
  if (again.size() != commands.size()) std::abort();
  for (size_t i = 0; i < again.size(); ++i)
    if (isa::encode(again[i]) != isa::encode(commands[i])) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  const InputFile file(input, size);
  heatvit::fuzz::accepted_or_refused([&] {
    const std::vector<isa::Command> commands = heatvit::tb::read_program(file.path()).commands;
    expect_same(commands, isa::disassemble(commands));
    expect_same(commands, heatvit::tb::program_bytes(commands));
    heatvit::lower::Program program = network();
    heatvit::lower::replace_commands(program, commands);
    heatvit::soc::SocConfig config;
    config.control.dependency = heatvit::soc::DependencyGrain::kTile;
    heatvit::soc::check_list(config, program);
  });
  return 0;
}
