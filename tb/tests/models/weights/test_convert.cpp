// models/import/to_safetensors.py: its output is read back by the reader that the simulator uses.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "models/weights/safetensors.h"
#include "tb/tests/support/temporary_folder.h"

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

// A network with a linear layer over three axes, whose matrix ONNX keeps without its name, and its own values beside
// it.
constexpr const char* kExport = R"(
import sys, torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.cls_token = torch.nn.Parameter(torch.randn(1, 1, 6))
        self.pos_embed = torch.nn.Parameter(torch.randn(1, 5, 6))
        self.norm = torch.nn.LayerNorm(6)
        self.fc1 = torch.nn.Linear(6, 8)
        self.fc2 = torch.nn.Linear(8, 6, bias=False)
        self.head = torch.nn.Linear(6, 3)
    def forward(self, x):
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), 1) + self.pos_embed
        return self.head(x + self.fc2(self.fc1(self.norm(x)).relu())[:, 0])
net = Net().eval()
torch.save(net.state_dict(), sys.argv[1] + '/net.pth')
torch.onnx.export(net, torch.zeros(1, 4, 6), sys.argv[1] + '/net.onnx', opset_version=13)
)";

/// The exit code.
int run(const std::string& command) {
  const int status = std::system((command + " > /dev/null 2>&1").c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Convert, WritesWhatTheReaderReads) {
  if (run("/usr/bin/python3 -c 'import torch, numpy'") != 0) GTEST_SKIP() << "needs python3-torch";
  const char* home = std::getenv("HEATVIT_HOME");
  const fs::path script = fs::path(home != nullptr ? home : ".") / "models/import/to_safetensors.py";
  const tests::TemporaryFolder temporary;
  const std::string folder = temporary.path(".");
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
}

TEST(Convert, OnnxGivesTheSameTensors) {
  if (run("/usr/bin/python3 -c 'import torch, numpy, onnx'") != 0) {
    GTEST_SKIP() << "needs python3-torch and python3-onnx";
  }
  const char* home = std::getenv("HEATVIT_HOME");
  const fs::path script = fs::path(home != nullptr ? home : ".") / "models/import/to_safetensors.py";
  const tests::TemporaryFolder folder;
  const std::string make = folder.file("make.py", kExport), at = folder.path("");
  ASSERT_EQ(run("/usr/bin/python3 '" + make + "' '" + at + "'"), 0);
  for (const std::string kind : {"pth", "onnx"}) {
    ASSERT_EQ(run("/usr/bin/python3 '" + script.string() + "' '" + at + "net." + kind + "' '" + at + kind + "'"), 0);
  }
  const Safetensors pth = Safetensors::open(at + "pth"), onnx = Safetensors::open(at + "onnx");
  EXPECT_EQ(pth.names(), onnx.names());
  for (const std::string& name : pth.names()) {
    EXPECT_EQ(pth.info(name).shape, onnx.info(name).shape) << name;
    EXPECT_EQ(pth.read_float(name), onnx.read_float(name)) << name;
  }
  EXPECT_EQ(run("/usr/bin/python3 '" + script.string() + "' '" + folder.file("text.onnx", "no network") + "' '" + at +
                "refused'"),
            2);
}

}  // namespace
}  // namespace heatvit::weights
