#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sqlite3.h>

namespace shop {

enum class State : std::uint8_t { unspecified, reserved, committed, released, out_of_stock };

struct Line {
  std::string sku;
  std::uint32_t quantity = 0;
  bool operator==(const Line&) const = default;
};

struct Reservation {
  std::string order;
  State state = State::unspecified;
  std::vector<Line> lines;
  std::string short_of;
  bool operator==(const Reservation&) const = default;
};

struct Item {
  std::string sku;
  std::uint64_t received = 0;
  std::uint64_t on_hand = 0;
  std::uint64_t reserved = 0;
  std::uint64_t sold = 0;
  bool operator==(const Item&) const = default;
};

// The disk, or the database on it, failed. What the open transaction did is undone.
class StoreError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The stock and the reservations, in one SQLite file. One thread at a time. Every change stands between begin() and
// commit(); several changes may share one transaction, and are durable once commit() returned. A refused change writes
// nothing, so that its neighbours in the transaction stand.
class Store {
 public:
  explicit Store(const std::string& path);

  // Puts items on the shelf that the shop has never had. Lines of `sku quantity`; # begins a comment.
  void receive_new(std::string_view list);

  void begin();
  void commit();
  void rollback() noexcept;

  Reservation reserve(std::string_view order, const std::vector<Line>& lines);
  Reservation commit_order(std::string_view order);   // state stays what it was where nothing is held
  Reservation release_order(std::string_view order);  // a committed order stays committed

  std::optional<std::uint64_t> left(std::string_view sku);  // that nobody reserved; nothing where there is no such item
  std::vector<Item> stock();
  std::vector<Reservation> reservations(std::string_view prefix);

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept { sqlite3_close(database); }
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  class Statement;

  void execute(const char* sql);
  Statement prepare(std::string_view sql);
  Reservation find(std::string_view order);
  void set_state(std::string_view order, State state);
  void move_stock(const std::vector<Line>& lines, std::int64_t on_hand, std::int64_t reserved);
  bool available(const Line& line);

  std::unique_ptr<sqlite3, Close> database_;
  std::vector<std::pair<std::string_view, std::unique_ptr<sqlite3_stmt, Close>>> statements_;  // by literal SQL
};

// The form in which lines are kept beside their reservation: "sku=quantity,sku=quantity".
std::string to_text(const std::vector<Line>& lines);
std::vector<Line> lines_of(std::string_view text);

}  // namespace shop
