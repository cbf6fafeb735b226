#include "store.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

namespace shop {
namespace {

constexpr const char* kSchema = R"(
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS stock (
    sku TEXT PRIMARY KEY,
    received INTEGER NOT NULL,
    on_hand INTEGER NOT NULL CHECK (on_hand >= 0),
    reserved INTEGER NOT NULL CHECK (reserved BETWEEN 0 AND on_hand)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS reservations (
    order_id TEXT PRIMARY KEY,
    state INTEGER NOT NULL,
    lines TEXT NOT NULL
  ) WITHOUT ROWID;
)";

std::uint64_t number_of(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

// One use of a prepared statement; it is reset when the use ends.
class Store::Statement {
 public:
  Statement(sqlite3* database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { sqlite3_reset(statement_); }

  Statement& bind(int index, std::string_view text) {
    sqlite3_bind_text(statement_, index, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
    return *this;
  }
  Statement& bind(int index, std::int64_t value) {
    sqlite3_bind_int64(statement_, index, value);
    return *this;
  }
  bool step() {
    const int code = sqlite3_step(statement_);
    if (code != SQLITE_ROW && code != SQLITE_DONE) throw StoreError(sqlite3_errmsg(database_));
    return code == SQLITE_ROW;
  }
  std::string text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }
  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  std::uint64_t count(int column) const { return static_cast<std::uint64_t>(integer(column)); }

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_;
};

std::string to_text(const std::vector<Line>& lines) {
  std::string text;
  for (const Line& line : lines) {
    if (!text.empty()) text += ',';
    text += line.sku + '=' + std::to_string(line.quantity);
  }
  return text;
}

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(','));
    const std::size_t equals = word.find('=');
    lines.push_back(
        {std::string(word.substr(0, equals)), static_cast<std::uint32_t>(number_of(word.substr(equals + 1)))});
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return lines;
}

Store::Store(const std::string& path) {
  sqlite3* database = nullptr;
  const int code = sqlite3_open(path.c_str(), &database);
  database_.reset(database);
  if (code != SQLITE_OK) throw StoreError(path + ": " + sqlite3_errmsg(database));
  sqlite3_busy_timeout(database, 5000);
  execute(kSchema);
}

void Store::receive_new(std::string_view list) {
  begin();
  while (!list.empty()) {
    std::string_view row = list.substr(0, list.find('\n'));
    list.remove_prefix(std::min(row.size() + 1, list.size()));
    row = row.substr(0, row.find('#'));
    const std::size_t space = row.find(' ');
    if (space == std::string_view::npos) continue;
    const auto quantity = static_cast<std::int64_t>(number_of(row.substr(space + 1)));
    prepare("INSERT OR IGNORE INTO stock VALUES (?1, ?2, ?2, 0)")
        .bind(1, row.substr(0, space))
        .bind(2, quantity)
        .step();
  }
  commit();
}

void Store::begin() { execute("BEGIN IMMEDIATE"); }
void Store::commit() { execute("COMMIT"); }
void Store::rollback() noexcept { sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr); }

Reservation Store::reserve(std::string_view order, const std::vector<Line>& lines) {
  if (Reservation known = find(order); known.state != State::unspecified) return known;
  for (const Line& line : lines) {
    if (!available(line)) return {std::string(order), State::out_of_stock, lines, line.sku};
  }
  move_stock(lines, 0, +1);
  prepare("INSERT INTO reservations VALUES (?1, ?2, ?3)")
      .bind(1, order)
      .bind(2, std::to_underlying(State::reserved))
      .bind(3, to_text(lines))
      .step();
  return {std::string(order), State::reserved, lines, {}};
}

Reservation Store::commit_order(std::string_view order) {
  Reservation reservation = find(order);
  if (reservation.state != State::reserved) return reservation;
  move_stock(reservation.lines, -1, -1);
  set_state(order, State::committed);
  reservation.state = State::committed;
  return reservation;
}

Reservation Store::release_order(std::string_view order) {
  Reservation reservation = find(order);
  if (reservation.state == State::unspecified) {
    prepare("INSERT INTO reservations VALUES (?1, ?2, '')")
        .bind(1, order)
        .bind(2, std::to_underlying(State::released))
        .step();
  } else if (reservation.state == State::reserved) {
    move_stock(reservation.lines, 0, -1);
    set_state(order, State::released);
  } else {
    return reservation;
  }
  reservation.state = State::released;
  return reservation;
}

std::optional<std::uint64_t> Store::left(std::string_view sku) {
  Statement row = prepare("SELECT on_hand - reserved FROM stock WHERE sku = ?1");
  if (!row.bind(1, sku).step()) return std::nullopt;
  return row.count(0);
}

std::vector<Item> Store::stock() {
  std::map<std::string, std::uint64_t, std::less<>> sold;
  Statement committed = prepare("SELECT lines FROM reservations WHERE state = ?1");
  committed.bind(1, std::to_underlying(State::committed));
  while (committed.step()) {
    for (const Line& line : lines_of(committed.text(0))) sold[line.sku] += line.quantity;
  }
  std::vector<Item> items;
  Statement shelf = prepare("SELECT sku, received, on_hand, reserved FROM stock ORDER BY sku");
  while (shelf.step()) {
    const std::string sku = shelf.text(0);
    items.push_back({sku, shelf.count(1), shelf.count(2), shelf.count(3), sold[sku]});
  }
  return items;
}

std::vector<Reservation> Store::reservations(std::string_view prefix) {
  std::vector<Reservation> found;
  Statement rows = prepare("SELECT order_id, state, lines FROM reservations WHERE order_id >= ?1 ORDER BY order_id");
  rows.bind(1, prefix);
  while (rows.step() && rows.text(0).starts_with(prefix)) {
    found.push_back({rows.text(0), static_cast<State>(rows.integer(1)), lines_of(rows.text(2)), {}});
  }
  return found;
}

void Store::execute(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw StoreError(sqlite3_errmsg(database_.get()));
  }
}

Store::Statement Store::prepare(std::string_view sql) {
  const auto known = std::ranges::find(statements_, sql, [](const auto& entry) { return entry.first; });
  if (known != statements_.end()) return {database_.get(), known->second.get()};
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr) != SQLITE_OK) {
    throw StoreError(sqlite3_errmsg(database_.get()));
  }
  statements_.emplace_back(sql, statement);
  return {database_.get(), statement};
}

Reservation Store::find(std::string_view order) {
  Statement row = prepare("SELECT state, lines FROM reservations WHERE order_id = ?1");
  if (!row.bind(1, order).step()) return {std::string(order), State::unspecified, {}, {}};
  return {std::string(order), static_cast<State>(row.integer(0)), lines_of(row.text(1)), {}};
}

void Store::set_state(std::string_view order, State state) {
  prepare("UPDATE reservations SET state = ?2 WHERE order_id = ?1")
      .bind(1, order)
      .bind(2, std::to_underlying(state))
      .step();
}

void Store::move_stock(const std::vector<Line>& lines, std::int64_t on_hand, std::int64_t reserved) {
  for (const Line& line : lines) {
    prepare("UPDATE stock SET on_hand = on_hand + ?2, reserved = reserved + ?3 WHERE sku = ?1")
        .bind(1, line.sku)
        .bind(2, on_hand * line.quantity)
        .bind(3, reserved * line.quantity)
        .step();
  }
}

bool Store::available(const Line& line) { return left(line.sku).value_or(0) >= line.quantity; }

}  // namespace shop
