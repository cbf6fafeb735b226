#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

// The terminal, or the files, of whoever typed the command, and a program elsewhere: bytes are carried between them.
// Neither side gets a descriptor of the other's.
namespace bulkhead::cli {

// Standard input and output are a terminal.
bool has_terminal();

struct Window {
  std::uint16_t rows = 0, columns = 0;
};
Window window_size();

// The terminal passes every key on, Ctrl-C too, until this ends: then it is as it was.
class RawTerminal {
 public:
  RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal();

 private:
  bool changed_ = false;
};

// Carries bytes until `events` (readable) gives a result, and then what is still on its way out of the program. `fds`
// are a terminal's master, or pipes: the program's input, output, errors. A signal to this process (128 + its number)
// and an output that takes no more end it too.
Result<int> carry(std::vector<Fd> fds, int events, const std::function<std::optional<Result<int>>()>& hear);

}  // namespace bulkhead::cli
