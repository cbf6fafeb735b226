#include "collect/blocks.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <unordered_set>

namespace bulkhead::collect {

namespace {

constexpr std::size_t kSpans = 4'096;
constexpr std::size_t kMostText = 64 * kSpans;  // of a block: with more of it any text may be there

// Before each text and behind the last, so that how one begins can be looked for.
constexpr char kBetween = '\n';

class Builder {
 public:
  explicit Builder(Statement& insert) : insert_(insert) {}

  Result<> add(const Statement& row) {
    const std::int64_t id = row.integer(0), start = row.integer(1);
    if (spans_ == 0) first_ = id, begins_ = ends_ = start;
    last_ = id;
    begins_ = std::min(begins_, start);
    ends_ = std::max(ends_, start);
    slowest_ = std::max(slowest_, row.integer(2));
    services_.insert(row.integer(3));
    services_.insert(row.integer(4));
    failed_ = failed_ || row.integer(5) != 0;
    for (int column = 6; column < 10; ++column) add(row.text(column));
    return ++spans_ == kSpans ? write() : Result<>();
  }

  Result<> write() {
    if (spans_ == 0) return {};
    std::string services = ",";
    for (const std::int64_t service : services_) services += fmt::format("{},", service);
    std::string texts(1, kBetween);
    for (const std::string& text : texts_) (texts += text) += kBetween;
    const std::int64_t numbers[] = {first_, last_, begins_, ends_, static_cast<std::int64_t>(failed_), slowest_};
    int parameter = 1;
    for (const std::int64_t number : numbers) insert_.bind(parameter++, number);
    insert_.bind(parameter++, services);
    if (text_ > kMostText) {
      insert_.bind_null(parameter);
    } else {
      insert_.bind(parameter, texts);
    }
    auto written = insert_.run();
    spans_ = text_ = 0;
    slowest_ = 0;
    failed_ = false;
    services_.clear();
    texts_.clear();
    return written;
  }

 private:
  void add(std::string_view text) {
    if (text.empty() || text_ > kMostText || texts_.contains(text)) return;
    text_ += text.size() + 1;
    texts_.emplace(text);
  }

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  Statement& insert_;
  std::size_t spans_ = 0, text_ = 0;
  std::int64_t first_ = 0, last_ = 0, begins_ = 0, ends_ = 0, slowest_ = 0;
  bool failed_ = false;
  std::set<std::int64_t> services_;
  std::unordered_set<std::string, Hash, std::equal_to<>> texts_;
};

bool has(std::string_view text, std::string_view sought) {
  return ::memmem(text.data(), text.size(), sought.data(), sought.size()) != nullptr;
}

}  // namespace

Result<> write_blocks(Database& database) {
  auto made = database.run(
      "DROP TABLE IF EXISTS blocks; CREATE TABLE blocks(first INTEGER PRIMARY KEY, last INTEGER, begins INTEGER, ends "
      "INTEGER, failed INTEGER, slowest INTEGER, services TEXT, texts TEXT);");
  if (!made) return made;
  auto insert = database.prepare("INSERT INTO blocks VALUES(?,?,?,?,?,?,?,?)");
  if (!insert) return fail(std::move(insert.error()));
  auto select = database.prepare(
      "SELECT rowid, start, us, caller, callee, failed, path, user, request, extra FROM spans ORDER BY rowid");
  if (!select) return fail(std::move(select.error()));
  Builder builder(*insert);
  for (;;) {
    const auto row = select->step();
    if (!row) return fail(row.error());
    if (!*row) break;
    if (auto added = builder.add(*select); !added) return added;
  }
  if (auto written = builder.write(); !written) return written;
  return database.run("INSERT OR REPLACE INTO facts VALUES('blocks',1)");
}

Result<std::vector<Block>> blocks_with(WindowReader& window, const Sought& sought) {
  const bool by_text = !sought.path.empty() || !sought.text.empty();
  std::string sql =
      fmt::format("SELECT first, last, ends{} FROM blocks WHERE begins <= ? AND ends >= ? AND slowest >= ?",
                  by_text ? ", texts" : "");
  if (sought.failed) sql += " AND failed";
  if (sought.service != 0) sql += " AND instr(services, ?)";
  const auto statement = window.statement(sql);
  if (!statement) return fail(statement.error());
  Statement& select = **statement;
  select.bind(1, sought.range.to_us());
  select.bind(2, sought.range.from_us());
  select.bind(3, sought.min_us);
  const std::string service = fmt::format(",{},", sought.service);
  if (sought.service != 0) select.bind(4, service);
  const std::string path = kBetween + sought.path;
  std::vector<Block> found;
  Result<bool> row = select.step();
  for (; row && *row; row = select.step()) {
    if (by_text && !select.is_null(3)) {
      const std::string_view texts = select.text(3);
      if (!has(texts, path) || !has(texts, sought.text)) continue;
    }
    found.push_back({select.integer(0), select.integer(1), select.integer(2)});
  }
  select.reset();
  if (!row) return fail(std::move(row.error()));
  std::ranges::sort(found, std::ranges::greater(), &Block::ends_us);
  return found;
}

}  // namespace bulkhead::collect
