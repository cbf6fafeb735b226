#include "manifest/fields.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/ranges.h>

#include "base/nearest.hpp"
#include "base/utf8.hpp"
#include "manifest/interpolate.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::size_t kLongestShown = 60;

const Advice* find_advice(std::span<const Advice> list, std::string_view key) {
  auto found = std::ranges::find(list, key, &Advice::key);
  return found == list.end() ? nullptr : &*found;
}

}  // namespace

std::optional<std::uint32_t> whole_number(std::string_view text) {
  std::uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool leading_zero = text.size() > 1 && text.front() == '0';
  if (error != std::errc{} || end != text.data() + text.size() || leading_zero) return std::nullopt;
  return value;
}

Mark after(Mark mark, std::string_view text) {
  mark.column += static_cast<int>(characters(text));
  return mark;
}

std::string describe(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null: return "nothing";
    case Node::Kind::list: return "a list";
    case Node::Kind::map: return "a map";
    case Node::Kind::scalar: break;
  }
  std::size_t end = std::min(node.text.size(), kLongestShown);
  while (end < node.text.size() && (static_cast<unsigned char>(node.text[end]) & 0xc0U) == 0x80)
    --end;  // whole characters
  std::string shown;
  for (char c : std::string_view(node.text).substr(0, end)) shown += c == '\n' ? "\\n" : std::string(1, c);
  return fmt::format("'{}{}'", shown, end < node.text.size() ? "..." : "");
}

void refuse_value(Context& context, const Node& node, const std::string& what, std::string_view wanted,
                  std::string_view allowed) {
  Mistake& mistake = context.report.add(node.mark, "bad-value", fmt::format("{} must be {}", what, wanted));
  mistake.found = describe(node);
  mistake.allowed = allowed;
}

std::optional<Text> read_text(Context& context, const Node& node, const std::string& what) {
  if (node.kind != Node::Kind::scalar) {
    refuse_value(context, node, what, "a single value");
    return std::nullopt;
  }
  auto value = interpolate(node.text, context.options.environment);
  if (value) return Text{std::move(*value), node.mark};
  Mistake& mistake = context.report.add(node.mark, "variable", fmt::format("{}: {}", what, value.error().message));
  if (value.error().cause == Cause::not_found) {
    mistake.help.emplace_back("set it, or give it a default: ${NAME:-default}");
  }
  return std::nullopt;
}

std::vector<Text> read_texts(Context& context, const Node& node, const std::string& what, std::string_view allowed) {
  std::vector<Text> texts;
  if (node.kind == Node::Kind::scalar) {
    if (auto text = read_text(context, node, what)) texts.push_back(std::move(*text));
  } else if (node.kind == Node::Kind::list) {
    for (const NodePtr& item : node.items) {
      if (auto text = read_text(context, *item, "each of " + what)) texts.push_back(std::move(*text));
    }
  } else {
    refuse_value(context, node, what, "a list", allowed);
  }
  return texts;
}

bool is_name(std::string_view text) {
  auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= 63 && text[0] >= 'a' && text[0] <= 'z' && std::ranges::all_of(text, allowed);
}

bool check_name(Context& context, Mark mark, std::string_view name, std::string_view what) {
  if (is_name(name)) return true;
  Mistake& mistake = context.report.add(mark, "bad-name", fmt::format("'{}' cannot be the name of {}", name, what));
  mistake.found = fmt::format("'{}'", name);
  mistake.allowed = "lower-case letters, digits and '-', a letter first, at most 63";
  return false;
}

Fields::Fields(Context& context, const Node& node, Section section, std::string owner, std::optional<Mark> mark)
    : context_(context),
      node_(node),
      owner_(std::move(owner)),
      mark_(mark.value_or(node.mark)),
      readable_(node.kind == Node::Kind::map) {
  if (!readable_) {
    refuse_value(context, node, owner_, "a map", fmt::format("{}", fmt::join(keys_of(section).known, ", ")));
    return;
  }
  for (const Entry& entry : node.entries) {
    if (std::ranges::find(keys_of(section).known, entry.key) == keys_of(section).known.end())
      refuse_key(entry, section);
  }
}

void Fields::refuse_key(const Entry& entry, Section section) {
  const Keys& keys = keys_of(section);
  if (section == Section::manifest && entry.key.starts_with("x-")) return;
  if (const Advice* later = find_advice(keys.later, entry.key)) {
    Mistake& mistake = context_.report.add(entry.mark, "not-supported",
                                           fmt::format("'{}' in {} is not supported yet", entry.key, owner_));
    mistake.found = fmt::format("'{}'", entry.key);
    mistake.help.push_back(
        fmt::format("it is planned, for {}; remove it, as nothing would act on it today", later->text));
    return;
  }
  Mistake& mistake =
      context_.report.add(entry.mark, "unknown-key", fmt::format("unknown key '{}' in {}", entry.key, owner_));
  mistake.found = fmt::format("'{}'", entry.key);
  bool environment = entry.key == "env" || nearest(entry.key, keys.known) == "environment";
  if (environment) context_.report.hide(after(entry.mark, entry.key));
  if (const Advice* foreign = find_advice(keys.foreign, entry.key)) {
    mistake.help.emplace_back(foreign->text);
    return;
  }
  mistake.did_you_mean = nearest(entry.key, keys.known);
  meant_.push_back(mistake.did_you_mean);
  mistake.allowed = fmt::format("{}", fmt::join(keys.known, ", "));
}

const Node* Fields::find(std::string_view key) const {
  auto found = std::ranges::find(node_.entries, key, &Entry::key);
  return found == node_.entries.end() ? nullptr : found->value.get();
}

Mark Fields::mark(std::string_view key) const {
  auto found = std::ranges::find(node_.entries, key, &Entry::key);
  return found == node_.entries.end() ? node_.mark : found->mark;
}

std::string Fields::what(std::string_view key) const { return fmt::format("'{}' of {}", key, owner_); }

void Fields::require(std::string_view key, std::string_view why) const {
  bool misspelled = std::ranges::find(meant_, key) != meant_.end();
  if (find(key) || !readable_ || misspelled) return;
  Mistake& mistake = context_.report.add(mark_, "missing-key", fmt::format("{} lacks '{}'", owner_, key));
  mistake.help.emplace_back(why);
}

std::optional<Text> Fields::text(std::string_view key) const {
  const Node* node = find(key);
  return node ? read_text(context_, *node, what(key)) : std::nullopt;
}

void Fields::read_text_into(std::string_view key, std::string& into) const {
  auto read = text(key);
  if (!read) return;
  if (read->value.empty()) return refuse_value(context_, *find(key), what(key), "a text that is not empty");
  into = std::move(read->value);
}

void Fields::read_bool_into(std::string_view key, bool& into) const {
  auto read = text(key);
  if (!read) return;
  if (read->value != "true" && read->value != "false") {
    return refuse_value(context_, *find(key), what(key), "true or false");
  }
  into = read->value == "true";
}

void Fields::read_number_into(std::string_view key, std::uint32_t least, std::uint32_t most,
                              std::uint32_t& into) const {
  auto read = text(key);
  if (!read) return;
  auto number = whole_number(read->value);
  if (!number || *number < least || *number > most) {
    return refuse_value(context_, *find(key), what(key), fmt::format("a whole number from {} to {}", least, most));
  }
  into = *number;
}

std::optional<Duration> Fields::duration(std::string_view key, Duration least, Duration most) const {
  auto read = text(key);
  if (!read) return std::nullopt;
  auto duration = parse_duration(read->value);
  if (duration && *duration >= least && *duration <= most) return *duration;
  refuse_value(context_, *find(key), what(key),
               fmt::format("a duration from {} to {}", to_string(least), to_string(most)),
               "a number with ms, s, m or h, such as 500ms, 10s or 1m30s");
  return std::nullopt;
}

void Fields::read_duration_into(std::string_view key, Duration least, Duration most, Duration& into) const {
  if (auto read = duration(key, least, most)) into = *read;
}

void Fields::read_share_into(std::string_view key, Share& into) const {
  auto read = text(key);
  if (!read) return;
  auto share = parse_share(read->value);
  if (share)
    into = *share;
  else
    refuse_value(context_, *find(key), what(key), "a share from 0.01% to 100%",
                 "a number with at most two decimals and %, such as 10% or 0.5%");
}

}  // namespace bulkhead::manifest
