#pragma once

// Texts that a process hands to another one, or to what it becomes, by a descriptor.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace bulkhead::compartments {

// Memory that has it, at its start.
Result<Fd> put_in_memory(std::string_view text);

// Of memory, a pipe or a file: at most 16 MiB, else Cause::exhausted.
Result<std::string> read_to_end(Fd fd);

// What a process keeps when it becomes another program: a text, in memory, and descriptors, which exec leaves open for
// as long as this lives. Where exec failed they are closed by the next one again.
class AcrossExec {
 public:
  static Result<AcrossExec> keep(std::string_view text, std::vector<int> descriptors);
  ~AcrossExec();
  AcrossExec(AcrossExec&&) = default;
  AcrossExec& operator=(AcrossExec&&) = delete;

  std::string number() const { return std::to_string(memory_.get()); }  // of the memory's descriptor

 private:
  AcrossExec(Fd memory, std::vector<int> kept) : memory_(std::move(memory)), kept_(std::move(kept)) {}
  Fd memory_;
  std::vector<int> kept_;  // the memory as well
};

}  // namespace bulkhead::compartments
