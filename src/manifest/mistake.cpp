#include "manifest/mistake.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace bulkhead::manifest {

namespace {

// The caret's indentation: tabs stay tabs, so that it stands below its character.
std::string indentation(std::string_view source, int column) {
  std::string blanks;
  int at = 1;
  for (char c : source) {
    if ((static_cast<unsigned char>(c) & 0xc0U) == 0x80) continue;
    if (at++ >= column) break;
    blanks += c == '\t' ? '\t' : ' ';
  }
  return blanks;
}

}  // namespace

std::string render(const Mistake& mistake) {
  std::string_view severity = mistake.severity == Severity::error ? "error" : "warning";
  std::string text = fmt::format("{}: {}: {}", to_string(mistake.position), severity, mistake.message);
  bool says_found = mistake.found.empty() || mistake.message.find(mistake.found) != std::string::npos;
  if (!says_found) text += fmt::format(", found {}", mistake.found);
  text += '\n';
  if (!mistake.source.empty()) {
    text += fmt::format("{:>5} | {}\n", mistake.position.line, mistake.source);
    text += fmt::format("      | {}^\n", indentation(mistake.source, mistake.position.column));
  }
  if (!mistake.did_you_mean.empty()) text += fmt::format("  help: did you mean '{}'?\n", mistake.did_you_mean);
  if (!mistake.allowed.empty()) text += fmt::format("  allowed: {}\n", mistake.allowed);
  for (const std::string& line : mistake.help) text += fmt::format("  help: {}\n", line);
  return text;
}

std::string render(const std::vector<Mistake>& mistakes) {
  std::string text;
  for (const Mistake& mistake : mistakes) text += render(mistake);
  return text;
}

}  // namespace bulkhead::manifest
