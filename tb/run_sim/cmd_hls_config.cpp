// run_sim hls-config: the header that fixes the sizes of a synthesis.
#include "accel/isa/errors.h"
#include "models/lower/program.h"
#include "tb/hls_check/hls_header.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/design.h"
#include "tb/run_sim/model_option.h"

namespace heatvit::tb {
namespace {

constexpr const char* kHlsConfigIntro =
    R"(run_sim hls-config: write the C++ header that fixes the sizes of a synthesis to a configuration

Examples
  run_sim hls-config --config configs/heatvit-deit-s.ini                     to stdout
  run_sim hls-config --model deit-s --pe.to 16 --out build/hls_config.h
Compile accel/hls with -include build/hls_config.h, or -DHEATVIT_HLS_CONFIG_FILE=build/hls_config.h where a tool has no
-include; docs/hls.md has the rest.
)";

}  // namespace

int hls_config_command(const Arguments& arguments) {
  const OptionGroup what = {"Output",
                            {{"model", "NAME", "start from configs/heatvit-NAME.ini"},
                             {"out", "FILE", "the header; default: stdout"},
                             {"output", "FILE", "the same, as before"}}};
  CommandLine line(kHlsConfigIntro, {what, hardware_group()}, true);
  line.parse(arguments);
  if (answered(line)) return 0;
  const std::vector<std::string> files = line.list("config");
  const soc::SocConfig config = line.has("model")
                                    ? resolve_design(resolve_model(line), files, line.settings(), {}).config
                                    : resolve_config("", files, line.settings());
  lower::expect_single_images(config.accel, "hls-config");
  const std::string header = hls_header(config, files.empty() ? line.text("model") : files.back());
  if (line.has("out") && line.has("output")) throw InputError("--output: is the same as --out; one is enough");
  write_file(line.has("out") ? line.text("out") : line.has("output") ? line.text("output") : "-", header);
  return 0;
}

}  // namespace heatvit::tb
