#include "compartments/output.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <unistd.h>

namespace bulkhead::compartments {

void Output::watch(std::span<pollfd, kSources> watched) const {
  for (std::size_t i = 0; i < kSources; ++i) watched[i] = {streams_[i].pipe.get(), POLLIN, 0};
}

void Output::on_ready(std::span<const pollfd, kSources> watched) {
  for (std::size_t i = 0; i < kSources; ++i)
    if (watched[i].revents != 0) read(streams_[i]);
  log_.flush();
}

void Output::read(Stream& stream) {
  std::array<char, 16384> bytes{};
  // Bounded, so that a service that only prints can't keep the keeper from the rest.
  for (int reads = 0; stream.pipe && reads < 16; ++reads) {
    const ssize_t size = ::read(stream.pipe.get(), bytes.data(), bytes.size());
    if (size < 0) return;
    if (size == 0) return stream.pipe.reset();
    take(stream, {bytes.data(), static_cast<std::size_t>(size)});
  }
}

// Before the text is cut: a line that is too long for one piece is cut anywhere.
void Output::take(Stream& stream, std::string_view bytes) {
  const bool plain = redactor_.empty() && stream.held.empty();
  const std::string redacted = plain ? std::string() : redactor_.redact_part(stream.held, bytes);
  const auto now = std::chrono::system_clock::now();
  stream.cutter.add(plain ? bytes : redacted, [&](std::string_view line) { log_.add(now, stream.name, line); });
}

void Output::know(const std::vector<SecretFile>& secrets) {
  if (std::ranges::find(known_, secrets) != known_.end()) return;
  if (known_.size() >= kVersionsKnown) known_.pop_front();
  known_.push_back(secrets);
  redactor_ = {};
  for (const auto& version : known_)
    for (const SecretFile& file : version) redactor_.add(file.secret, file.content);
}

void Output::say(std::string_view line) {
  log_.add(std::chrono::system_clock::now(), "keeper", redactor_.redact(line));
  log_.flush();
}

void Output::go_on(std::size_t source, Fd pipe, std::string_view rest) {
  streams_[source].pipe = std::move(pipe);
  take(streams_[source], rest);
}

void Output::finish() {
  for (auto& stream : streams_) {
    read(stream);
    const auto write = [&](std::string_view line) { log_.add(std::chrono::system_clock::now(), stream.name, line); };
    stream.cutter.add(redactor_.redact(std::exchange(stream.held, {})), write);
    stream.cutter.finish(write);
  }
  log_.flush();
}

}  // namespace bulkhead::compartments
