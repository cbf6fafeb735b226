#pragma once

// The keeper's side of its connection to the controller: frames as in net/frames.hpp (four bytes of length, big-endian,
// then the payload) over a Unix stream socket. It never waits: while the controller is away it tries again, from 50 ms
// up to 2 s apart, for ever. For a plain poll loop.

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace bulkhead::compartments {

class ControllerLink {
 public:
  using Millis = std::int64_t;  // on the steady clock

  // `greet` makes the frame that begins each connection. An empty path: a link that never connects.
  ControllerLink(std::string path, std::function<std::string()> greet)
      : path_(std::move(path)), greet_(std::move(greet)) {}

  // What to poll for: fd() may be -1.
  int fd() const { return socket_.get(); }
  short events() const;
  std::optional<Millis> retry_at() const;

  // Connects when it is time.
  void tick(Millis now);
  // After poll said something about fd(): the payloads that arrived.
  std::vector<std::string> on_ready(Millis now, short revents);

  // What came beside them and was not taken yet.
  std::vector<Fd> take_rights() { return std::exchange(rights_, {}); }

  // Queued if connected, else dropped: the next greeting says how things stand. `rights` must live until it is sent.
  void send(const std::string& payload, std::vector<int> rights = {});
  // Descriptors that are given away: closed once sent, or dropped.
  void send(const std::string& payload, std::vector<Fd> rights);
  // Before the end: waits at most `limit` for what is queued.
  void flush(Millis limit);

 private:
  struct Outgoing {
    std::string bytes;
    std::vector<int> rights;
    std::vector<Fd> owned;  // those of `rights` that are ours
  };
  void queue(Outgoing outgoing);
  void disconnect(Millis now);
  bool write_some();
  bool read_some();
  std::vector<std::string> take_frames();

  std::string path_;
  std::function<std::string()> greet_;
  Fd socket_;
  std::deque<Outgoing> outgoing_;
  std::string incoming_;
  std::vector<Fd> rights_;
  Millis next_try_ = 0;
  Millis backoff_ = 50;
};

}  // namespace bulkhead::compartments
