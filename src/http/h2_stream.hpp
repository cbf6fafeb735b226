#pragma once

// The streams of one HTTP/2 connection, by id. Not for anyone but H2Session.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/release.hpp"
#include "http/fields.hpp"

namespace bulkhead::http::h2 {

struct Stream {
  std::int32_t id = 0;
  bool counted = false;     // on_request was told
  bool work_done = false;   // and its handler has ended
  bool final_head = false;  // on_response was, with what is not interim
  bool tunnel = false;
  bool bodiless = false;  // client: the answer has no body whatever its content-length says (HEAD)
  bool remote_ended = false, local_ended = false;
  bool abandoned = false;  // nothing more is told, but what is queued is sent
  // Bodies must be as long as was said (RFC 9113 §8.1.1); what is left of that.
  std::optional<std::uint64_t> expected;
  std::int64_t receive_window = 0;  // what the peer may still send
  std::uint32_t window = 0;         // and how much at most at a time
  std::size_t unconsumed = 0;       // received, told, and not given back
  std::size_t credit = 0;           // given back, and not yet told to the peer
  // What is to be sent.
  std::int64_t send_window = 0;
  std::uint64_t head_at = 0;  // where the first head ends, and the last frame, in all that was queued
  std::uint64_t last_at = 0;
  std::string out;
  std::size_t sent = 0;   // of `out`
  bool may_send = false;  // the head that ends the interim ones was submitted
  bool out_ended = false, has_trailers = false, wants_room = false;
  bool waiting = false;  // in the list of those that have something to send
  Fields trailers;

  std::size_t pending() const { return out.size() - sent; }
};

enum class HowEnded : std::uint8_t { whole, reset };
struct Ended {
  std::int32_t id = 0;
  HowEnded how = HowEnded::whole;
};

// Open addressing by id. Streams that ended are kept for the next ones, a few.
class StreamTable {
 public:
  Stream* find(std::int32_t id) const {
    if (slots_.empty()) return nullptr;
    for (std::size_t slot = slot_of(id); slots_[slot]; slot = (slot + 1) & mask_) {
      if (slots_[slot]->id == id) return slots_[slot].get();
    }
    return nullptr;
  }
  Stream& add(std::int32_t id) {
    if (2 * (count_ + 1) > slots_.size()) grow();
    std::unique_ptr<Stream> stream = take();
    stream->id = id;
    Stream& added = *stream;
    place(std::move(stream));
    ++count_;
    return added;
  }
  // The stream's memory is used again.
  void erase(std::int32_t id) {
    std::size_t slot = slot_of(id);
    while (slots_[slot]->id != id) slot = (slot + 1) & mask_;
    give(std::move(slots_[slot]));
    --count_;
    // Whoever stands behind moves up, unless that were before its own slot.
    for (std::size_t next = (slot + 1) & mask_; slots_[next]; next = (next + 1) & mask_) {
      const std::size_t home = slot_of(slots_[next]->id);
      if (((next - home) & mask_) < ((next - slot) & mask_)) continue;
      slots_[slot] = std::move(slots_[next]);
      slot = next;
    }
  }
  std::size_t size() const { return count_; }
  template <class Visit>  // void(Stream&); it may not add or erase
  void for_each(Visit visit) {
    for (const std::unique_ptr<Stream>& stream : slots_) {
      if (stream) visit(*stream);
    }
  }

 private:
  static constexpr std::size_t kFirst = 16;
  static constexpr std::size_t kKept = 8;
  static constexpr std::size_t kSmall = 1024;

  // Ids of one side are every other number.
  std::size_t slot_of(std::int32_t id) const { return (static_cast<std::size_t>(id) >> 1U) & mask_; }
  void place(std::unique_ptr<Stream> stream) {
    std::size_t slot = slot_of(stream->id);
    while (slots_[slot]) slot = (slot + 1) & mask_;
    slots_[slot] = std::move(stream);
  }
  void grow() {
    std::vector<std::unique_ptr<Stream>> before(slots_.empty() ? kFirst : slots_.size() * 2);
    before.swap(slots_);
    mask_ = slots_.size() - 1;
    for (std::unique_ptr<Stream>& stream : before) {
      if (stream) place(std::move(stream));
    }
  }
  std::unique_ptr<Stream> take() {
    if (kept_.empty()) return std::make_unique<Stream>();
    std::unique_ptr<Stream> stream = std::move(kept_.back());
    kept_.pop_back();
    *stream = {};
    return stream;
  }
  void give(std::unique_ptr<Stream> stream) {
    release(stream->out);
    if (stream->trailers.bytes() > kSmall) release(stream->trailers);
    if (kept_.size() < kKept) kept_.push_back(std::move(stream));
  }

  std::vector<std::unique_ptr<Stream>> slots_;
  std::vector<std::unique_ptr<Stream>> kept_;
  std::size_t mask_ = 0;
  std::size_t count_ = 0;
};

}  // namespace bulkhead::http::h2
