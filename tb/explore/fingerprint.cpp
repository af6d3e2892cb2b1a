#include "tb/explore/fingerprint.h"

#include <elf.h>
#include <link.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
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

std::string hexadecimal(const uint8_t* bytes, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x", bytes[i]);
    text += digits.data();
  }
  return text;
}

/// What the linker has written of the content into a segment of notes: "" where it has not.
std::string build_id(const char* notes, size_t size) {
  const auto padded = [](size_t bytes) { return (bytes + 3) / 4 * 4; };
  for (size_t at = 0; at + sizeof(ElfW(Nhdr)) <= size;) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes + at, sizeof note);
    const size_t name = at + sizeof note, content = name + padded(note.n_namesz), end = content + padded(note.n_descsz);
    if (end > size) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(notes + name, "GNU", 4) == 0)
      return hexadecimal(reinterpret_cast<const uint8_t*>(notes + content), note.n_descsz);
    at = end;
  }
  return "";
}

/// Of a program, or of the shared object that Python has loaded.
struct Own {
  bool found = false;
  std::string file, id;
};

int look_at(dl_phdr_info* object, size_t, void* result) {
  auto& own = *static_cast<Own*>(result);
  const auto here = reinterpret_cast<ElfW(Addr)>(&look_at);
  std::string id;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    const ElfW(Addr) from = object->dlpi_addr + segment.p_vaddr;
    own.found = own.found || (segment.p_type == PT_LOAD && from <= here && here < from + segment.p_memsz);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader has addresses as numbers
    if (segment.p_type == PT_NOTE && id.empty()) id = build_id(reinterpret_cast<const char*>(from), segment.p_memsz);
  }
  if (own.found) own.file = object->dlpi_name, own.id = id;
  return own.found ? 1 : 0;
}

}  // namespace

std::string config_text(const soc::SocConfig& config) {
  std::string text;
  for (const tb::Parameter& p : tb::parameters()) text += p.key + "=" + tb::value_text(p, config) + "\n";
  return text;
}

std::string model_text(const zoo::ModelSpec& spec) { return zoo::describe(spec); }

std::string program_hash() {
  Own own;
  dl_iterate_phdr(look_at, &own);
  if (!own.id.empty()) return own.id;
  std::ifstream file(own.file.empty() ? "/proc/self/exe" : own.file, std::ios::binary);
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
