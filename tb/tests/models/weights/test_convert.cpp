// models/selectors/convert_pth.py: its output is read back by the reader that the simulator uses.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "models/weights/safetensors.h"

namespace heatvit::weights {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMakeCheckpoints = R"(
import sys, torch
folder = sys.argv[1]
tensors = {'module.a.weight': torch.arange(6.).reshape(3, 2).t(), 'module.half': torch.tensor([1.5, -2.0]).half(),
           'module.bn.num_batches_tracked': torch.tensor(3)}
torch.save({'model': tensors}, folder + '/model.pth')
torch.save({'state_dict': tensors, 'epoch': 3}, folder + '/state_dict.pth')
torch.save([1, 2], folder + '/list.pth')
torch.save({'a': torch.tensor([float('nan')])}, folder + '/nan.pth')
open(folder + '/text.pth', 'w').write('no checkpoint')
)";

/// The exit code.
int run(const std::string& command) {
  const int status = std::system((command + " > /dev/null 2>&1").c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(ConvertPth, WritesWhatTheReaderReads) {
  if (run("/usr/bin/python3 -c 'import torch, numpy'") != 0) GTEST_SKIP() << "needs python3-torch";
  const char* home = std::getenv("HEATVIT_HOME");
  const fs::path script = fs::path(home != nullptr ? home : ".") / "models/selectors/convert_pth.py";
  std::string folder = (fs::temp_directory_path() / "heatvit_convert_XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  std::ofstream(folder + "/make.py") << kMakeCheckpoints;
  ASSERT_EQ(run("/usr/bin/python3 '" + folder + "/make.py' '" + folder + "'"), 0);
  const auto convert = [&](const std::string& name, const std::string& output) {
    return run("/usr/bin/python3 '" + script.string() + "' '" + folder + "/" + name + "' '" + output + "'");
  };

  for (const std::string name : {"model", "state_dict"}) {
    const std::string output = folder + "/" + name + ".safetensors";
    ASSERT_EQ(convert(name + ".pth", output), 0) << name;
    const Safetensors file = Safetensors::open(output);
    EXPECT_EQ(file.names(), (std::vector<std::string>{"a.weight", "half"}));
    EXPECT_EQ(file.info("a.weight").shape, (Shape{2, 3}));
    EXPECT_EQ(file.read_float("a.weight"), (std::vector<float>{0, 2, 4, 1, 3, 5}));  // row-major despite the transpose
    EXPECT_EQ(file.read_float("half"), (std::vector<float>{1.5F, -2.0F}));
  }
  for (const char* name : {"list.pth", "nan.pth", "text.pth", "missing.pth"}) {
    EXPECT_EQ(convert(name, folder + "/refused"), 2) << name;
    EXPECT_FALSE(fs::exists(folder + "/refused")) << name;
  }
  EXPECT_EQ(convert("model.pth", folder + "/no/such/folder/x"), 1);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace heatvit::weights
