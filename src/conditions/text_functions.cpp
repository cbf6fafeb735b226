// Functions of texts: those of the language, and those of cel-go's ext/strings. Positions are characters.

#include <algorithm>
#include <cstring>
#include <optional>

#include "conditions/arrays.hpp"
#include "conditions/text.hpp"
#include "conditions/workspace.hpp"

namespace bulkhead::conditions {

namespace {

// Where `part` stands in `text` from byte `from` on; linear, as both come from a request.
std::optional<std::size_t> position(std::string_view text, std::string_view part, std::size_t from = 0) {
  if (part.empty()) return from;
  const void* found = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  if (found == nullptr) return std::nullopt;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

Value size(const Value& of, Workspace& work) {
  switch (of.kind()) {
    case Kind::string:
      if (!spend(work, steps_of(of.as_text().size()))) return failed(Reason::out_of_steps);
      return Value::int64(index_of(of.as_text(), of.as_text().size()));
    case Kind::bytes: return Value::int64(static_cast<std::int64_t>(of.as_text().size()));
    case Kind::list: return Value::int64(static_cast<std::int64_t>(of.list_size()));
    case Kind::map: return Value::int64(static_cast<std::int64_t>(of.map_size()));
    default: return failed(Reason::no_such_overload);
  }
}

Value char_at(std::string_view text, std::int64_t index) {
  const auto at = byte_of(text, index);
  if (!at) return failed(Reason::index_out_of_range);
  return Value::string(text.substr(*at, character_length(text.substr(*at))));
}

Value found_at(std::string_view text, std::optional<std::size_t> position) {
  return Value::int64(position ? index_of(text, *position) : -1);
}

Value first_index(std::string_view text, std::string_view part, std::int64_t from) {
  const auto begin = byte_of(text, from);
  if (!begin) return failed(Reason::index_out_of_range);
  return found_at(text, position(text, part, *begin));
}

// The last place at or before character `until`. Each search begins behind the one before, so that overlaps count.
Value last_index(std::string_view text, std::string_view part, std::optional<std::int64_t> until, Workspace& work) {
  const auto end = until ? byte_of(text, *until) : std::optional(text.size());
  if (!end) return failed(Reason::index_out_of_range);
  if (part.size() > text.size()) return Value::int64(-1);
  if (!spend(work, steps_of_last_index(text.size(), part.size()))) return failed(Reason::out_of_steps);
  const std::size_t found = text.rfind(part, *end);
  return found_at(text, found == std::string_view::npos ? std::nullopt : std::optional(found));
}

Value substring(std::string_view text, std::int64_t from, std::optional<std::int64_t> until) {
  const auto begin = byte_of(text, from);
  const auto end = until ? byte_of(text, *until) : std::optional(text.size());
  if (!begin || !end || *begin > *end) return failed(Reason::index_out_of_range);
  return Value::string(text.substr(*begin, *end - *begin));
}

Value in_case(std::string_view text, char first, char last, Workspace& work) {
  char* copy = work.arena.take<char>(text.size());
  if (copy == nullptr) return failed(Reason::out_of_memory);
  std::ranges::transform(text, copy, [&](char c) { return c >= first && c <= last ? static_cast<char>(c ^ 0x20) : c; });
  return Value::string({copy, text.size()});
}

// Text in the making at the arena's end; whoever makes it takes nothing else of the arena meanwhile.
class TextMaker {
 public:
  explicit TextMaker(Workspace& work) : work_(work) {}

  bool add(std::string_view text) {
    if (!spend(work_, 1 + steps_of(text.size()))) return fail(Reason::out_of_steps);
    char* room = work_.arena.take<char>(text.size());
    if (room == nullptr) return fail(Reason::out_of_memory);
    if (begin_ == nullptr) begin_ = room;
    std::ranges::copy(text, room);
    size_ += text.size();
    return true;
  }
  Value take() const { return reason_ ? failed(*reason_) : Value::string({begin_, size_}); }

 private:
  bool fail(Reason reason) {
    reason_ = reason;
    return false;
  }

  Workspace& work_;
  const char* begin_ = nullptr;
  std::size_t size_ = 0;
  std::optional<Reason> reason_;
};

// At most `most` times, all where it is negative. An empty `old` stands before each character and at the end.
Value replace(std::string_view text, std::string_view old, std::string_view with, std::int64_t most, Workspace& work) {
  TextMaker made(work);
  std::size_t kept = 0;  // where that begins which is not in `made`
  std::size_t search = 0;
  while (most != 0 && search <= text.size()) {
    const auto found = position(text, old, search);
    if (!found) break;
    if (!made.add(text.substr(kept, *found - kept)) || !made.add(with)) return made.take();
    kept = *found + old.size();
    search = old.empty() ? kept + std::max<std::size_t>(1, character_length(text.substr(kept))) : kept;
    if (most > 0) --most;
  }
  made.add(text.substr(kept));
  return made.take();
}

// Pieces of at most `most`, the last of which has the rest; all where it is negative. By nothing: into characters.
Value split(std::string_view text, std::string_view by, std::int64_t most, Workspace& work) {
  ListMaker pieces(work.arena);
  for (; most != 0 && !(by.empty() && text.empty()); most -= most > 0 ? 1 : 0) {
    if (!spend(work, 1)) return failed(Reason::out_of_steps);
    const auto found = by.empty() ? std::optional(character_length(text)) : position(text, by);
    const bool last = most == 1 || !found || (by.empty() && *found == text.size());
    if (!pieces.add(Value::string(last ? text : text.substr(0, *found)))) return failed(Reason::out_of_memory);
    if (last) break;
    text.remove_prefix(*found + by.size());
  }
  return pieces.take();
}

Value join(const Value& list, std::string_view between, Workspace& work) {
  TextMaker made(work);
  for (std::size_t i = 0, size = list.list_size(); i < size; ++i) {
    const Value each = list.element(i);
    if (!each.is(Kind::string)) return failed(Reason::no_such_overload);
    if ((i > 0 && !made.add(between)) || !made.add(each.as_text())) break;
  }
  return made.take();
}

bool are_strings(Arguments arguments, std::size_t count) {
  return std::ranges::all_of(arguments.first(count), [](const Value& each) { return each.is(Kind::string); });
}

// The number behind the texts, if one is there.
bool reads_number(Arguments arguments, std::size_t texts, std::optional<std::int64_t>& number) {
  if (!are_strings(arguments, texts)) return false;
  if (arguments.size() == texts) return true;
  if (!arguments[texts].is(Kind::int64)) return false;
  number = arguments[texts].as_int();
  return true;
}

Value of_two_texts(Function function, std::string_view a, std::string_view b) {
  switch (function) {
    case Function::contains: return Value::boolean(position(a, b).has_value());
    case Function::starts_with: return Value::boolean(a.starts_with(b));
    default: return Value::boolean(a.ends_with(b));
  }
}

std::size_t texts_of(Function function) {
  switch (function) {
    case Function::replace: return 3;
    case Function::contains:
    case Function::starts_with:
    case Function::ends_with:
    case Function::index_of:
    case Function::last_index_of:
    case Function::split: return 2;
    default: return 1;
  }
}

}  // namespace

Value make_string(Workspace& work, std::string_view text) {
  char* copy = work.arena.take<char>(text.size());
  if (copy == nullptr) return failed(Reason::out_of_memory);
  std::ranges::copy(text, copy);
  return Value::string({copy, text.size()});
}

Value text_function(Function function, Arguments arguments, Workspace& work) {
  if (function == Function::size) return size(arguments[0], work);
  if (function == Function::join) {
    const bool fits = arguments[0].is(Kind::list) && are_strings(arguments.subspan(1), arguments.size() - 1);
    if (!fits) return failed(Reason::no_such_overload);
    return join(arguments[0], arguments.size() == 2 ? arguments[1].as_text() : std::string_view(), work);
  }
  const std::size_t texts = texts_of(function);
  std::optional<std::int64_t> number;
  const std::size_t strings = function == Function::substring ? 1 : texts;
  if (!reads_number(arguments.first(std::min(arguments.size(), strings + 1)), strings, number))
    return failed(Reason::no_such_overload);
  const std::string_view text = arguments[0].as_text();
  const std::string_view second = texts >= 2 ? arguments[1].as_text() : std::string_view();
  if (!spend(work, steps_of(text.size() + second.size()))) return failed(Reason::out_of_steps);
  switch (function) {
    case Function::char_at: return char_at(text, number.value_or(0));
    case Function::index_of: return first_index(text, second, number.value_or(0));
    case Function::last_index_of: return last_index(text, second, number, work);
    case Function::lower_ascii: return in_case(text, 'A', 'Z', work);
    case Function::upper_ascii: return in_case(text, 'a', 'z', work);
    case Function::replace: return replace(text, second, arguments[2].as_text(), number.value_or(-1), work);
    case Function::split: return split(text, second, number.value_or(-1), work);
    case Function::trim: return Value::string(trimmed(text));
    case Function::substring: {
      std::optional<std::int64_t> until;
      if (!reads_number(arguments.subspan(2), 0, until)) return failed(Reason::no_such_overload);
      return substring(text, number.value_or(0), until);
    }
    default: return of_two_texts(function, text, second);
  }
}

}  // namespace bulkhead::conditions
