#pragma once

// SQLite (https://www.sqlite.org/c3ref/intro.html), as much of it as the store needs. A Database and its statements
// belong to one thread at a time; several may have the same file open: readers don't wait for the writer (WAL).

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace bulkhead::collect {

// One prepared statement: bind all its parameters (from 1), step until there is no row, reset. What is bound must live
// until reset() or the next bind of the same parameter. Not to outlive its Database.
class Statement {
 public:
  Statement() = default;
  explicit operator bool() const { return statement_ != nullptr; }

  void bind(int parameter, std::int64_t value);
  void bind(int parameter, std::string_view text);  // NULL where it is empty
  void bind(int parameter, std::span<const std::uint8_t> blob);
  void bind_null(int parameter);

  // True: a row is there. Cause::exhausted: the disk is full.
  Result<bool> step();
  void reset();
  // step() to the end, and reset().
  Result<> run();

  // Of the row; text and blob live until the next step.
  std::int64_t integer(int column) const;
  std::string_view text(int column) const;
  std::span<const std::uint8_t> blob(int column) const;
  bool is_null(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  enum class Mode : std::uint8_t {
    write,  // made if it is not there
    read,
  };
  static Result<Database> open(const std::string& path, Mode mode);

  // Statements without parameters, separated by ';'.
  Result<> run(const std::string& sql);
  Result<Statement> prepare(std::string_view sql);
  // The first column of the first row; 0 where there is none.
  Result<std::int64_t> ask(std::string_view sql);
  // Breaks off what runs, from any thread; it fails with Cause::timeout.
  void interrupt();

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace bulkhead::collect
