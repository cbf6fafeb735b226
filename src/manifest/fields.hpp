#pragma once

// Reads the nodes of the tree as values and reports what they are not. Internal to this folder.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/keys.hpp"
#include "manifest/parse.hpp"
#include "manifest/report.hpp"
#include "manifest/roles.hpp"
#include "manifest/tree.hpp"

namespace bulkhead::manifest {

struct Context {
  Report& report;
  const ParseOptions& options;
  Roles roles = {};  // of the manifest, once they are read
};

// Text with where it is written; its variables are put in.
struct Text {
  std::string value;
  Mark mark;
};

// Decimal, without sign or leading zero, at most 32 bits.
std::optional<std::uint32_t> whole_number(std::string_view text);

Mark after(Mark mark, std::string_view text);  // where `text`, written there, ends

std::string describe(const Node& node);  // "'80a'", "a list", "a map", "nothing"

// Reports that `what` is not `allowed`.
void refuse_value(Context& context, const Node& node, const std::string& what, std::string_view wanted,
                  std::string_view allowed = "");

std::optional<Text> read_text(Context& context, const Node& node, const std::string& what);

// Text, or a list of texts. `allowed` describes one of them.
std::vector<Text> read_texts(Context& context, const Node& node, const std::string& what,
                             std::string_view allowed = "");

// Letters, digits and dashes, a letter first, at most 63: what can be a host name. Reports where it is not.
bool check_name(Context& context, Mark mark, std::string_view name, std::string_view what);
bool is_name(std::string_view text);

// Key, value pairs of a map that may hold only a section's keys. Reports all others.
class Fields {
 public:
  // `owner` says whose they are: "service 'catalog'". What lacks is reported at `mark`, else where the map begins.
  Fields(Context& context, const Node& node, Section section, std::string owner,
         std::optional<Mark> mark = std::nullopt);

  bool readable() const { return readable_; }  // it is a map
  const Node* find(std::string_view key) const;
  Mark mark(std::string_view key) const;                           // of the key, or of the map where it is absent
  std::string what(std::string_view key) const;                    // "'dir' of service 'catalog'"
  void require(std::string_view key, std::string_view why) const;  // reports a key that is absent, not only misspelled

  std::optional<Text> text(std::string_view key) const;
  void read_text_into(std::string_view key, std::string& into) const;
  void read_bool_into(std::string_view key, bool& into) const;
  void read_number_into(std::string_view key, std::uint32_t least, std::uint32_t most, std::uint32_t& into) const;
  std::optional<Duration> duration(std::string_view key, Duration least, Duration most) const;
  void read_duration_into(std::string_view key, Duration least, Duration most, Duration& into) const;
  void read_share_into(std::string_view key, Share& into) const;

 private:
  void refuse_key(const Entry& entry, Section section);

  Context& context_;
  const Node& node_;
  std::string owner_;
  Mark mark_;
  bool readable_;
  std::vector<std::string> meant_;  // keys that unknown ones were probably meant to be
};

}  // namespace bulkhead::manifest
