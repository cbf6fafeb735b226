#include <cstddef>
#include <cstdint>

#include "manifest/parse.hpp"
#include "scaffold/compose.hpp"
#include "scaffold/look.hpp"
#include "scaffold/write.hpp"

// A stranger's Compose file with a stranger's Dockerfile, programs and configurations beside it: it is refused, or
// makes a manifest that has no mistake unless an edit says which. A folder of the same texts likewise.

namespace {

using namespace bulkhead;

void judge(scaffold::Plan& plan) {
  std::string text = scaffold::write(plan);
  manifest::ParseOptions options;
  options.profiles = {"*"};
  auto parsed = manifest::parse(text, options);
  bool said = false;
  for (const scaffold::Edit& edit : plan.edits) said = said || edit.text.starts_with("line ");
  if (!parsed.mistakes.empty() && !said) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view all(reinterpret_cast<const char*>(data), size);
  std::size_t cut = all.find('\0');  // what follows is the text of the files beside it
  std::string_view compose = all.substr(0, cut);
  std::string other(cut == std::string_view::npos ? all : all.substr(cut + 1));
  scaffold::Folder folder;
  folder.name = "fuzz";
  for (const char* path : {".env", "a/Dockerfile", "a/app.py", "a/package.json", "a/requirements.txt", "nginx.conf",
                           "b/server.js", "Procfile"})
    folder.add(path, {.text = other, .is_read = true});
  scaffold::Host host{[](std::string_view path) { return path.size() % 2 == 0; }};
  scaffold::ComposeInput input{
      .text = compose, .folder = folder, .host = host, .from_manifest = size % 3 == 0 ? "../x" : "", .environment = {}};
  if (auto plan = scaffold::read_compose(input)) judge(*plan);
  if (auto plan = scaffold::look_at(folder, host)) judge(*plan);
  return 0;
}
