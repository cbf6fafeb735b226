// config: what the manifest's files say together.

#include <algorithm>

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "manifest/print.hpp"

namespace bulkhead::cli {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

// true, false and whole numbers as such, everything else as the text that it is.
ordered_json scalar_json(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  const bool digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  const bool number = digits && !text.empty() && text.size() <= 15 && (text.size() == 1 || text[0] != '0');
  if (number) return std::stoll(text);
  return text;
}

// RFC 6901.
std::string pointer_step(std::string_view key) {
  std::string step = "/";
  for (const char c : key) step += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return step;
}

class JsonWriter {
 public:
  explicit JsonWriter(const std::vector<manifest::Source>& sources) : sources_(sources) {}

  ordered_json value(const manifest::Node& node, const std::string& pointer, manifest::Mark key) {
    using Kind = manifest::Node::Kind;
    if (node.items.empty() && node.entries.empty()) add_origin(pointer, node.mark.line != 0 ? node.mark : key);
    if (node.kind == Kind::scalar) return scalar_json(node.text);
    if (node.kind == Kind::list) {
      ordered_json list = ordered_json::array();
      for (std::size_t i = 0; i < node.items.size(); ++i)
        list.push_back(value(*node.items[i], pointer + "/" + std::to_string(i), node.mark));
      return list;
    }
    if (node.kind == Kind::null) return nullptr;
    ordered_json map = ordered_json::object();
    for (const manifest::Entry& entry : node.entries)
      if (!pointer.empty() || manifest::is_shown(entry.key))
        map[entry.key] = value(*entry.value, pointer + pointer_step(entry.key), entry.mark);
    return map;
  }

  ordered_json take_origins() { return std::move(origins_); }

 private:
  void add_origin(const std::string& pointer, manifest::Mark mark) {
    origins_[pointer] = {{"file", sources_[mark.file].file}, {"line", mark.line}, {"column", mark.column}};
  }

  const std::vector<manifest::Source>& sources_;
  ordered_json origins_ = ordered_json::object();
};

}  // namespace

int config(const Context& context) {
  const auto opened = open_manifest(context);
  if (!opened) return opened.error();
  const control::Loaded& loaded = opened->loaded;
  if (context.json) {
    JsonWriter writer(loaded.sources);
    ordered_json merged = writer.value(*loaded.merged, "", {});
    say(ordered_json{{"files", file_names(loaded.sources)},
                     {"directory", opened->desired.directory},
                     {"manifest", std::move(merged)},
                     {"origins", writer.take_origins()}}
            .dump(2));
    return kDone;
  }
  for (const std::string& file : file_names(loaded.sources)) fmt::print("# {}\n", file);
  fmt::print("# paths count from {}\n{}", opened->desired.directory, manifest::print(*loaded.merged, loaded.sources));
  return kDone;
}

}  // namespace bulkhead::cli
