#include "tb/tests/tb/run_sim/cli_support.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "tb/tests/support/temporary_folder.h"

namespace heatvit::tests {
namespace {

int redirected(const std::string& path) { return open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600); }

}  // namespace

Outcome run_sim(const std::vector<std::string>& arguments, int interrupt_after_ms) {
  const TemporaryFolder folder;
  std::vector<std::string> words = {RUN_SIM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int out = redirected(folder.path("out"));
  const int err = redirected(folder.path("err"));
  const pid_t child = fork();
  if (child == 0) {
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(out);
  close(err);
  if (interrupt_after_ms >= 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(interrupt_after_ms));
    kill(child, SIGINT);
  }
  int status = 0;
  waitpid(child, &status, 0);
  const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return {code, read_file(folder.path("out")), read_file(folder.path("err"))};
}

void expect_refused(const std::vector<std::string>& arguments, const std::string& part) {
  const Outcome outcome = run_sim(arguments);
  EXPECT_EQ(outcome.code, 2) << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_THAT(outcome.err, ::testing::HasSubstr(part));
  EXPECT_EQ(outcome.out, "");
}

std::string bmp(int width, int height, uint32_t seed) {
  std::string text;
  const auto put = [&text](uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
  };
  const auto row = static_cast<uint32_t>((width * 3 + 3) / 4 * 4);
  text = "BM";
  put(54 + row * static_cast<uint32_t>(height), 4);
  put(0, 4);
  put(54, 4);  // offset of the pixels
  put(40, 4);  // BITMAPINFOHEADER
  put(static_cast<uint32_t>(width), 4);
  put(static_cast<uint32_t>(height), 4);
  put(1, 2);   // planes
  put(24, 2);  // bits a pixel
  put(0, 4);
  text.resize(54, '\0');
  uint32_t state = seed * 2654435761U + 1;
  for (uint32_t i = 0; i < row * static_cast<uint32_t>(height); ++i) {
    state = state * 1664525U + 1013904223U;
    text += static_cast<char>((state >> 26) + i / 700 % 190);  // bands with noise
  }
  return text;
}

std::map<std::string, TensorSpec> deit_tiny_tensors() {
  std::map<std::string, TensorSpec> tensors;
  const auto add = [&tensors](const std::string& name, std::vector<int> shape) {
    tensors[name] = {"F32", std::move(shape)};
  };
  const auto linear = [&add](const std::string& name, int n, int k) {
    add(name + ".weight", {n, k});
    add(name + ".bias", {n});
  };
  const auto norm = [&add](const std::string& name) {
    add(name + ".weight", {192});
    add(name + ".bias", {192});
  };
  add("cls_token", {1, 1, 192});
  add("pos_embed", {1, 197, 192});
  add("patch_embed.proj.weight", {192, 3, 16, 16});
  add("patch_embed.proj.bias", {192});
  for (int b = 0; b < 12; ++b) {
    const std::string block = "blocks." + std::to_string(b) + ".";
    norm(block + "norm1");
    norm(block + "norm2");
    linear(block + "attn.qkv", 576, 192);
    linear(block + "attn.proj", 192, 192);
    linear(block + "mlp.fc1", 768, 192);
    linear(block + "mlp.fc2", 192, 768);
  }
  norm("norm");
  linear("head", 1000, 192);
  return tensors;
}

std::string safetensors(const std::map<std::string, TensorSpec>& tensors) {
  nlohmann::json header;
  size_t position = 0;
  for (const auto& [name, tensor] : tensors) {
    size_t bytes = tensor.dtype == "F64" ? 8 : tensor.dtype == "BOOL" ? 1 : 4;
    for (const int extent : tensor.shape) bytes *= static_cast<size_t>(extent);
    header[name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {position, position + bytes}}};
    position += bytes;
  }
  return safetensors(header.dump(), position);
}

std::string safetensors(const std::string& header, size_t data) {
  const uint64_t length = header.size();
  std::string text(sizeof length, '\0');
  std::memcpy(text.data(), &length, sizeof length);
  return text + header + std::string(data, '\0');
}

}  // namespace heatvit::tests
