#include "base/build_id.hpp"

#include <cstring>
#include <string_view>

#include <elf.h>
#include <fmt/format.h>
#include <link.h>

namespace bulkhead {
namespace {

constexpr std::size_t kBytes = 8;

// Notes stand behind each other, name and content each filled up to four bytes (elf(5)).
std::string id_in(std::string_view notes) {
  const auto padded = [](std::size_t size) { return (size + 3) & ~std::size_t{3}; };
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes.data(), sizeof note);
    notes.remove_prefix(sizeof note);
    const std::size_t name = padded(note.n_namesz);
    if (notes.size() < name + padded(note.n_descsz)) break;
    if (note.n_type == NT_GNU_BUILD_ID && notes.starts_with(ELF_NOTE_GNU) && note.n_descsz >= kBytes) {
      std::string text;
      for (const char byte : notes.substr(name, kBytes))
        text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
      return text;
    }
    notes.remove_prefix(name + padded(note.n_descsz));
  }
  return {};
}

// The first object is the program itself.
int look(dl_phdr_info* object, std::size_t /*size*/, void* found) {
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    // The loader tells addresses as numbers.
    const auto* const start =
        reinterpret_cast<const char*>(object->dlpi_addr + segment.p_vaddr);  // NOLINT(performance-no-int-to-ptr)
    std::string id = id_in({start, segment.p_memsz});
    if (!id.empty()) *static_cast<std::string*>(found) = std::move(id);
  }
  return 1;
}

}  // namespace

std::string build_id() {
  std::string id;
  dl_iterate_phdr(look, &id);
  return id;
}

}  // namespace bulkhead
