#include "tb/explore/fingerprint.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "tb/config/numbers.h"
#include "tb/config/parameters.h"

namespace heatvit::explore {
namespace {

uint64_t fnv1a(const std::string& text, uint64_t hash) {
  constexpr uint64_t kPrime = 1099511628211ULL;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * kPrime;
  return hash;
}

}  // namespace

std::string config_text(const soc::SocConfig& config) {
  std::string text;
  for (const tb::Parameter& p : tb::parameters()) text += p.key + "=" + tb::value_text(p, config) + "\n";
  return text;
}

std::string model_text(const zoo::ModelSpec& spec) { return zoo::describe(spec); }

std::string program_hash() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  if (!file) return "";
  return content_hash({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
}

std::string content_hash(const std::string& text) {
  constexpr uint64_t kOffset = 14695981039346656037ULL;
  std::array<char, 33> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx%016llx", static_cast<unsigned long long>(fnv1a(text, kOffset)),
                static_cast<unsigned long long>(fnv1a(text, ~kOffset)));
  return digits.data();
}

}  // namespace heatvit::explore
