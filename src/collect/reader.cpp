#include "collect/reader.hpp"

#include <algorithm>
#include <set>

namespace bulkhead::collect {

namespace {

// What was read late, as the collector was away, is older than the window that has it.
constexpr std::int64_t kLateMillis = 3'600'000;

}  // namespace

Result<WindowReader> WindowReader::open(const std::string& path) {
  WindowReader reader;
  auto database = Database::open(path, Database::Mode::read);
  if (!database) return fail(std::move(database.error()));
  reader.database_ = std::move(*database);
  if (auto loaded = reader.load_names(); !loaded) return fail(within(path, std::move(loaded.error())));
  return reader;
}

Result<> WindowReader::load_names() {
  auto rows = statement("SELECT id, name FROM names WHERE id >= ? ORDER BY id");
  if (!rows) return fail(std::move(rows.error()));
  Statement& select = **rows;
  select.bind(1, static_cast<std::int64_t>(names_.size()));
  Result<bool> row = select.step();
  for (; row && *row; row = select.step()) {
    const std::int64_t id = select.integer(0);
    if (id != static_cast<std::int64_t>(names_.size())) break;
    names_.emplace_back(select.text(1));
    numbers_.emplace(names_.back(), id);
  }
  select.reset();
  if (!row) return fail(std::move(row.error()));
  return {};
}

Result<Statement*> WindowReader::statement(const std::string& sql) {
  if (const auto known = statements_.find(sql); known != statements_.end()) return &known->second;
  auto prepared = database_.prepare(sql);
  if (!prepared) return fail(std::move(prepared.error()));
  return &statements_.insert_or_assign(sql, std::move(*prepared)).first->second;
}

std::string_view WindowReader::name(std::int64_t number) {
  if (number >= static_cast<std::int64_t>(names_.size()))
    if (const auto loaded = load_names(); !loaded) return {};
  const auto index = static_cast<std::size_t>(number);
  return number >= 0 && index < names_.size() ? std::string_view(names_[index]) : std::string_view();
}

std::int64_t WindowReader::number(std::string_view name) {
  auto known = numbers_.find(name);
  if (known == numbers_.end() && !sealed_) {
    const auto loaded = load_names();
    static_cast<void>(loaded);  // then it is unknown here
    known = numbers_.find(name);
  }
  return known == numbers_.end() ? 0 : known->second;
}

Result<std::int64_t> WindowReader::fact(const char* name) {
  return database_.ask(fmt::format("SELECT value FROM facts WHERE name = '{}'", name));
}

bool WindowReader::sealed() {
  if (!sealed_) {
    const auto sealed = fact("sealed");
    sealed_ = sealed && *sealed == 1;
  }
  return sealed_;
}

bool WindowReader::has_blocks() {
  if (!blocks_ && sealed()) {
    const auto blocks = fact("blocks");
    blocks_ = blocks && *blocks == 1;
  }
  return blocks_;
}

std::int64_t WindowReader::thinned() {
  const auto thinned = fact("thinned");
  return thinned ? *thinned : 0;
}

std::vector<WindowReader*> Reader::windows(Range range, std::vector<std::string>& not_seen) {
  const std::vector<WindowInfo> all = store_->windows();
  std::set<std::string> there;
  for (const WindowInfo& each : all) there.insert(each.path);
  std::erase_if(open_, [&](const auto& entry) { return !there.contains(entry.first); });
  std::vector<WindowReader*> readers;
  for (std::size_t i = all.size(); i-- > 0;) {
    if (i + 1 < all.size() && all[i + 1].first_ms < range.from_ms) break;
    if (all[i].first_ms - kLateMillis > range.to_ms) continue;
    auto known = open_.find(all[i].path);
    if (known == open_.end()) {
      auto opened = WindowReader::open(all[i].path);
      if (!opened) {
        not_seen.push_back("a part of what is kept could not be read: " + opened.error().message);
        continue;
      }
      known = open_.emplace(all[i].path, std::move(*opened)).first;
    }
    readers.push_back(&known->second);
  }
  return readers;
}

std::int64_t Reader::oldest_ms() const {
  const std::vector<WindowInfo> all = store_->windows();
  return all.empty() ? 0 : all.front().first_ms;
}

}  // namespace bulkhead::collect
