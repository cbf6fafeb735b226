#include "net/tls_state.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/release.hpp"
#include "net/stream_source.hpp"

namespace bulkhead::net {
namespace {

constexpr std::size_t kLargestSealed = kTlsHeader + kTlsCipherText;
constexpr std::size_t kSmallestRead = kLargestSealed;
constexpr std::size_t kLargestRead = 64U << 10U;

// What a read asks the socket for: records that fill the reader's room, so that little is left over.
std::size_t read_size(std::size_t room) {
  const std::size_t overhead = kTlsHeader + 1 + kTlsTag;
  return std::clamp(room + overhead * (1 + room / kTlsPlain), kSmallestRead, kLargestRead);
}

}  // namespace

Result<std::unique_ptr<TlsState>> TlsState::make(StreamSource& source, std::shared_ptr<TlsContext> context,
                                                 HandshakeOptions options) {
  std::unique_ptr<TlsState> state(new TlsState(source));
  auto engine = TlsEngine::make(state->wire_, std::move(context), std::move(options));
  if (!engine) return fail(engine.error());
  state->engine_ = std::move(*engine);
  return state;
}

Result<TlsStep> TlsState::handshake() {
  const auto step = engine_->handshake();
  if (!step || *step != TlsStep::done) return step;
  established_ = true;
  detach();
  return step;
}

void TlsState::detach() {
  auto records = engine_->detach();
  if (!records) return;
  records_ = std::move(records);
  agreement_ = engine_->take_agreement();
  engine_.reset();
}

bool TlsState::has_pending() const {
  if (engine_) return engine_->has_pending();
  return !plain_.empty() || ended_ || read_fault_ || wire_.holds_record();
}

std::optional<Result<std::size_t>> TlsState::read(std::span<char> buffer) {
  if (engine_) {
    auto outcome = engine_->read(buffer);
    detach();
    return outcome;
  }
  if (read_fault_) return fail(*read_fault_);
  static thread_local const auto kMemory = std::make_unique_for_overwrite<char[]>(kLargestSealed + kLargestRead);
  Reading reading{.room = buffer};
  take_plain(reading);
  const std::string held(wire_.held());
  if (!held.empty()) {
    if (auto fault = open_records(reading, held)) return end_read(reading, std::move(*fault));
  }
  while (!ended_ && !reading.room.empty()) {
    if (reading.total > 0 && !wire_.source().readable) break;
    const std::size_t size = wire_.held().size() + read_size(reading.room.size());
    const std::ptrdiff_t count = wire_.receive({kMemory.get(), size});
    if (count == 0) {
      return end_read(reading, {Cause::closed, "TLS read: the peer ended the connection without close_notify"});
    }
    if (count == -EAGAIN) break;
    if (count < 0) return end_read(reading, connection_fault("TLS read", static_cast<int>(-count)));
    if (auto fault = open_records(reading, {kMemory.get(), static_cast<std::size_t>(count)})) {
      return end_read(reading, std::move(*fault));
    }
  }
  if (reading.total == 0 && !ended_ && !buffer.empty()) return std::nullopt;
  return reading.total;
}

// The data first: the next read says the fault.
std::optional<Result<std::size_t>> TlsState::end_read(const Reading& reading, Fault fault) {
  broken_ = true;
  read_fault_ = std::move(fault);
  if (reading.total == 0) return fail(*read_fault_);
  wire_.source().readable = true;  // as a reader that waits for readiness has something to meet
  return reading.total;
}

void TlsState::take_plain(Reading& reading) {
  if (plain_.empty()) return;
  const std::size_t part = std::min(plain_.size(), reading.room.size());
  std::copy_n(plain_.data(), part, reading.room.data());
  reading.room = reading.room.subspan(part);
  reading.total += part;
  plain_.erase(0, part);
  if (plain_.empty()) release(plain_);
}

// Opens the records of `came` while there is room, and holds the rest.
std::optional<Fault> TlsState::open_records(Reading& reading, std::string_view came) {
  std::optional<Fault> fault;
  while (!fault && !ended_ && !reading.room.empty()) {
    const auto size = records_->size_of(came);
    if (!size) {
      fault = refuse(size.error());
    } else if (*size == 0 || *size > came.size()) {
      break;
    } else {
      const auto opened = open_one(reading, came.substr(0, *size));
      came.remove_prefix(*size);
      if (!opened) fault = opened.error();
    }
  }
  wire_.hold(fault || ended_ ? std::string_view() : came);
  return fault;
}

Result<> TlsState::open_one(Reading& reading, std::string_view record) {
  static thread_local std::array<char, kTlsCipherText> aside;
  const bool fits = TlsRecords::open_room(record.size()) <= reading.room.size();
  char* out = fits ? reading.room.data() : aside.data();
  const auto opened = records_->open(record, out);
  if (!opened) return fail(refuse(opened.error()));
  if (opened->kind == TlsRecords::Kind::end) ended_ = true;
  if (opened->kind != TlsRecords::Kind::data) return {};
  const std::size_t part = std::min(opened->size, reading.room.size());
  if (!fits) {
    std::copy_n(out, part, reading.room.data());
    plain_.assign(out + part, opened->size - part);
  }
  reading.room = reading.room.subspan(part);
  reading.total += part;
  return {};
}

// Tells the peer why, as far as that goes; then nothing more is sent (RFC 8446 §6.2).
Fault TlsState::refuse(Fault fault) {
  const bool tells = records_->alert() != 0 && !said_end_;
  said_end_ = true;
  if (!tells) return fault;
  TlsWire::Batch& batch = wire_.begin();
  if (const auto size = records_->seal_alert(records_->alert(), batch.end())) batch.grow(*size);
  wire_.send();
  return fault;
}

std::optional<Result<>> TlsState::write(Pieces& pieces) {
  if (engine_) return engine_->write(pieces);
  return write_records(pieces);
}

// All records that fit go to the kernel in one call.
std::optional<Result<>> TlsState::write_records(Pieces& pieces) {
  while (true) {
    if (!wire_.flush()) {
      if (wire_.os_error() == 0) return std::nullopt;
      broken_ = true;
      return fail(connection_fault("TLS write", wire_.os_error()));
    }
    if (pieces.done()) return Result<>{};
    if (said_end_) return fail(Cause::closed, "TLS write: after this side's end");
    TlsWire::Batch& batch = wire_.begin();
    std::optional<Fault> fault;
    while (!fault && !pieces.done() && batch.size() < TlsWire::Batch::kEnough) {
      const auto size = records_->seal(pieces, batch.end());
      if (size) {
        batch.grow(*size);
      } else {
        fault = size.error();
      }
    }
    if (!wire_.send() && wire_.os_error() != 0) fault = connection_fault("TLS write", wire_.os_error());
    if (!fault) continue;
    broken_ = true;
    return fail(std::move(*fault));
  }
}

Result<TlsStep> TlsState::shut_down() {
  if (!established_ || broken_) return TlsStep::done;
  if (engine_) return engine_->shut_down();
  if (!said_end_) {
    said_end_ = true;
    TlsWire::Batch& batch = wire_.begin();
    const auto size = records_->seal_alert(SSL_AD_CLOSE_NOTIFY, batch.end());
    batch.grow(size.value_or(0));
    if (!wire_.send() && wire_.os_error() != 0) {
      broken_ = true;
      return fail(connection_fault("TLS end", wire_.os_error()));
    }
    if (!size) return fail(size.error());
  }
  if (wire_.flush()) return TlsStep::done;
  if (wire_.os_error() == 0) return TlsStep::wants_write;
  broken_ = true;
  return fail(connection_fault("TLS end", wire_.os_error()));
}

bool TlsState::is_idle() {
  if (engine_) return engine_->is_idle();
  if (broken_ || ended_ || wire_.at_end() || !plain_.empty()) return false;
  if (!wire_.source().readable && !wire_.holds_record()) return true;
  char byte = 0;
  const auto outcome = read({&byte, 1});
  if (!outcome) return true;
  if (!*outcome) {
    read_fault_ = outcome->error();
  } else if (**outcome == 1) {
    plain_.insert(0, 1, byte);
  }
  return false;
}

}  // namespace bulkhead::net
