#include "net/stream.hpp"

#include <fcntl.h>
#include <netinet/tcp.h>

#include "net/stream_source.hpp"
#include "net/tls.hpp"

namespace bulkhead::net {
namespace {

using Query = int (*)(int, sockaddr*, socklen_t*);

Address query_address(int fd, Query query) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (query(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  const auto address = Address::from(reinterpret_cast<const sockaddr*>(&storage), size);
  return address ? *address : Address{};
}

int socket_option(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

void disable_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// Why a connection could not be made; in each case nothing was sent.
Fault connect_fault(std::string_view where, int error) {
  Fault fault = os_fault(where, error);
  switch (error) {
    case EAGAIN: fault.message = fmt::format("{}: its backlog is full", where); [[fallthrough]];
    case ECONNREFUSED:
    case ECONNRESET:
    case ENOENT:
    case ENOTDIR:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:
    case EPROTOTYPE:
    case EPIPE: fault.cause = Cause::unreachable; break;
    default: break;
  }
  return fault;
}

}  // namespace

ReadOperation::ReadOperation(StreamSource* source, std::span<char> buffer, Deadline deadline)
    : TypedOperation(source, Direction::read, deadline), buffer_(buffer) {}

bool ReadOperation::attempt() {
  auto outcome = static_cast<StreamSource*>(source_)->try_read(buffer_);
  if (!outcome) return false;
  outcome_ = std::move(outcome);
  return true;
}

WriteOperation::WriteOperation(StreamSource* source, std::string_view bytes, Deadline deadline)
    : TypedOperation(source, Direction::write, deadline),
      single_{const_cast<char*>(bytes.data()), bytes.size()},
      pieces_(&single_, 1) {}

WriteOperation::WriteOperation(StreamSource* source, std::span<const iovec> pieces, Deadline deadline)
    : TypedOperation(source, Direction::write, deadline), pieces_(pieces) {}

bool WriteOperation::attempt() {
  Pieces pieces{pieces_, offset_};
  auto outcome = static_cast<StreamSource*>(source_)->try_write(pieces);
  pieces_ = pieces.list;
  offset_ = pieces.offset;
  if (!outcome) return false;
  outcome_ = std::move(outcome);
  return true;
}

Stream::Stream() = default;
Stream::Stream(SourceHandle<StreamSource> source) : source_(std::move(source)) {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

Result<Stream> Stream::wrap(Loop& loop, Fd fd) {
  SourceHandle<StreamSource> source(new StreamSource(loop, std::move(fd)));
  const auto added = loop.add(*source);
  if (!added) return fail(added.error());
  return Stream(std::move(source));
}

Result<Stream> Stream::accepted(Loop& loop, Fd fd) {
  auto stream = wrap(loop, std::move(fd));
  if (stream) stream->source_->begin_with_little_unsent();
  return stream;
}

Result<Stream> Stream::adopt(Loop& loop, Fd fd) {
  if (socket_option(fd.get(), SO_TYPE) != SOCK_STREAM) return fail(Cause::invalid, "not a stream socket");
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) return os_fail("make a socket non-blocking");
  if (socket_option(fd.get(), SO_DOMAIN) != AF_UNIX) disable_delay(fd.get());
  return wrap(loop, std::move(fd));
}

Stream::operator bool() const { return source_ && !source_->closed(); }
Loop& Stream::loop() const { return source_->loop(); }
int Stream::fd() const { return source_ ? source_->fd() : -1; }

ReadyOperation Stream::wait_readable(Deadline deadline) {
  // What was read from the socket already is announced by no event.
  if (source_ && source_->tls && source_->tls->has_pending()) source_->readable = true;
  return ReadyOperation(source_.get(), Operation::Direction::read, deadline);
}

ReadyOperation Stream::wait_writable(Deadline deadline) {
  return ReadyOperation(source_.get(), Operation::Direction::write, deadline);
}

void Stream::not_readable() { source_->readable = false; }
void Stream::not_writable() { source_->writable = false; }

Task<Result<>> Stream::wait_connected(Deadline deadline) {
  not_writable();
  const auto ready = co_await wait_writable(deadline);
  if (!ready) co_return fail(ready.error());
  const int error = socket_option(fd(), SO_ERROR);
  if (error == 0) co_return {};
  co_return fail(connect_fault("connect", error));
}

Task<Result<>> Stream::shutdown_write(Deadline deadline) {
  if (!*this) co_return fail(Cause::closed, "closed by this side");
  while (source_->tls) {
    const auto step = source_->tls->shut_down();
    if (!step) co_return fail(step.error());
    if (*step == TlsStep::done) break;
    const auto writable = co_await wait_writable(deadline);
    if (!writable) co_return fail(writable.error());
  }
  if (::shutdown(fd(), SHUT_WR) != 0 && errno != ENOTCONN) co_return os_fail("shut down");
  co_return {};
}

void Stream::close() {
  if (source_) source_->close();
}

void Stream::reset() {
  if (!*this) return;
  const linger discard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &discard, sizeof discard);
  close();
}

Fd Stream::release() { return source_ ? source_->release() : Fd(); }

bool Stream::is_idle() {
  if (!*this || source_->ended) return false;
  if (source_->tls) return source_->tls->is_idle();
  if (!source_->readable) return true;
  char byte = 0;
  const ssize_t count = ::recv(fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (count >= 0 || errno != EAGAIN) return false;
  source_->readable = false;
  return true;
}

Address Stream::local_address() const { return query_address(fd(), &::getsockname); }
Address Stream::peer_address() const { return query_address(fd(), &::getpeername); }

Result<ucred> Stream::peer_credentials() const {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return os_fail("ask who the peer is");
  if (credentials.pid <= 0) return fail(Cause::unsupported, "the peer's credentials are not known");
  return credentials;
}

Task<Result<>> Stream::handshake(std::shared_ptr<TlsContext> context, HandshakeOptions options, Deadline deadline) {
  if (!*this) co_return fail(Cause::closed, "closed by this side");
  auto state = TlsState::make(*source_, std::move(context), std::move(options));
  if (!state) co_return fail(state.error());
  source_->tls = std::move(*state);
  while (true) {
    const auto step = source_->tls->handshake();
    if (!step) co_return fail(step.error());
    if (*step == TlsStep::done) co_return {};
    const auto direction = *step == TlsStep::wants_read ? Operation::Direction::read : Operation::Direction::write;
    const auto ready = co_await ReadyOperation(source_.get(), direction, deadline);
    if (!ready) co_return fail(within("TLS handshake", ready.error()));
  }
}

bool Stream::is_tls() const { return source_ && source_->tls && source_->tls->established(); }

std::string_view Stream::alpn() const { return is_tls() ? source_->tls->agreement().alpn : std::string_view(); }

std::string_view Stream::tls_version() const {
  return is_tls() ? source_->tls->agreement().version : std::string_view();
}

bool Stream::tls_resumed() const { return is_tls() && source_->tls->agreement().resumed; }

const std::string& Stream::peer() const {
  static const std::string kNobody;
  return is_tls() ? source_->tls->agreement().peer : kNobody;
}

PeerCertificates Stream::peer_certificates() const {
  PeerCertificates certificates;
  if (!is_tls()) return certificates;
  const auto share = [](const OpensslPtr<X509>& certificate) {
    if (certificate) X509_up_ref(certificate.get());
    return OpensslPtr<X509>(certificate.get());
  };
  const PeerCertificates& known = source_->tls->agreement().certificates;
  certificates.leaf = share(known.leaf);
  for (const auto& each : known.behind) certificates.behind.push_back(share(each));
  return certificates;
}

Task<Result<Stream>> connect(Loop& loop, Address address, Deadline deadline) {
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) co_return os_fail("make a socket");
  auto stream = co_await connect_fd(loop, std::move(fd), address, deadline);
  co_return stream;
}

Task<Result<Stream>> connect_fd(Loop& loop, Fd fd, Address address, Deadline deadline) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) co_return os_fail("make a socket non-blocking");
  if (address.is_ip()) disable_delay(fd.get());
  const int connected = ::connect(fd.get(), address.data(), address.size());
  const int error = connected == 0 ? 0 : errno;
  if (error != 0 && error != EINPROGRESS) {
    co_return fail(connect_fault(fmt::format("connect to {}", address.text()), error));
  }
  auto stream = Stream::wrap(loop, std::move(fd));
  if (!stream || error == 0) co_return stream;
  const auto done = co_await stream->wait_connected(deadline);
  if (!done) co_return fail(within(address.text(), done.error()));
  co_return stream;
}

}  // namespace bulkhead::net
