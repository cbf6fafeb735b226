#include "compartments/output.hpp"

#include <chrono>

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
    const auto now = std::chrono::system_clock::now();
    stream.cutter.add({bytes.data(), static_cast<std::size_t>(size)},
                      [&](std::string_view line) { log_.add(now, stream.name, line); });
  }
}

void Output::say(std::string_view line) {
  log_.add(std::chrono::system_clock::now(), "keeper", line);
  log_.flush();
}

void Output::go_on(std::size_t source, Fd pipe, std::string_view rest) {
  streams_[source].pipe = std::move(pipe);
  streams_[source].cutter.add(rest, [](std::string_view) {});
}

void Output::finish() {
  for (auto& stream : streams_) {
    read(stream);
    stream.cutter.finish([&](std::string_view line) { log_.add(std::chrono::system_clock::now(), stream.name, line); });
  }
  log_.flush();
}

}  // namespace bulkhead::compartments
