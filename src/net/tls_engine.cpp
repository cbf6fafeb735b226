#include "net/tls_engine.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <ctime>
#include <utility>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/release.hpp"
#include "net/address.hpp"
#include "net/stream_source.hpp"
#include "net/tls_chains.hpp"

namespace bulkhead::net {
namespace {

constexpr std::size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;

TlsEngine& state_of(BIO* bio) { return *static_cast<TlsEngine*>(BIO_get_data(bio)); }

int read_bio(BIO* bio, char* buffer, int size) {
  BIO_clear_retry_flags(bio);
  const int count = state_of(bio).bio_read(buffer, static_cast<std::size_t>(size));
  if (count == -EAGAIN) BIO_set_retry_read(bio);
  return count < 0 ? -1 : count;
}

int write_bio(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const int count = state_of(bio).bio_write(bytes, static_cast<std::size_t>(size));
  if (count == -EAGAIN) BIO_set_retry_write(bio);
  return count < 0 ? -1 : count;
}

long control_bio(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return state_of(bio).at_end() ? 1 : 0;
  return 0;
}

int create_bio(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

// One for the process, made at the first use and never changed.
const BIO_METHOD* socket_method() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bulkhead socket");
    BIO_meth_set_read(method, &read_bio);
    BIO_meth_set_write(method, &write_bio);
    BIO_meth_set_ctrl(method, &control_bio);
    BIO_meth_set_create(method, &create_bio);
    return method;
  }();
  return kMethod;
}

// Whom a certificate is for, in words: its URI or DNS name, else its subject.
std::string describe(X509* certificate) {
  if (certificate == nullptr) return "nobody";
  std::string text;
  auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names) && text.empty(); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_URI && name->type != GEN_DNS) continue;
    const auto* bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.ia5));
    text.assign(bytes, static_cast<std::size_t>(std::clamp(ASN1_STRING_length(name->d.ia5), 0, 256)));
  }
  GENERAL_NAMES_free(names);
  if (text.empty()) {
    std::array<char, 256> subject{};
    X509_NAME_oneline(X509_get_subject_name(certificate), subject.data(), subject.size());
    text = subject.data();
  }
  // It comes from the peer and goes to logs.
  std::ranges::replace_if(text, [](unsigned char c) { return c < 0x20 || c > 0x7E; }, '?');
  return text;
}

bool is_ip(const std::string& name) { return Address::ip(name, 0).has_value(); }

}  // namespace

Result<std::unique_ptr<TlsEngine>> TlsEngine::make(TlsWire& wire, std::shared_ptr<TlsContext> context,
                                                   HandshakeOptions options) {
  std::unique_ptr<TlsEngine> engine(new TlsEngine(wire, std::move(context), std::move(options)));
  if (const auto set = engine->set_up(); !set) return fail(set.error());
  return engine;
}

Result<> TlsEngine::set_up() {
  ERR_clear_error();
  ssl_.reset(SSL_new(context_->get()));
  BIO* bio = BIO_new(socket_method());
  if (!ssl_ || bio == nullptr) {
    BIO_free(bio);
    return fail(Cause::internal, "TLS: {}", openssl_error());
  }
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
  if (is_server()) {
    SSL_set_accept_state(ssl_.get());
    return {};
  }
  SSL_set_connect_state(ssl_.get());
  const std::string& name = options_.server_name;
  if (!name.empty() && !is_ip(name)) SSL_set_tlsext_host_name(ssl_.get(), name.c_str());
  if (context_->config().peer == PeerCheck::server_name) {
    if (name.empty()) return fail(Cause::invalid, "TLS: the server's name is needed to verify it");
    SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const bool set = is_ip(name) ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), name.c_str()) == 1
                                 : SSL_set1_host(ssl_.get(), name.c_str()) == 1;
    if (!set) return fail(Cause::invalid, "TLS: \"{}\" is not a server's name", name);
  }
  if (options_.session && options_.session->context_.lock() == context_ && options_.session->session_) {
    SSL_set_session(ssl_.get(), options_.session->session_.get());
  }
  return {};
}

TlsEngine::~TlsEngine() {
  // Otherwise OpenSSL takes a connection that was just dropped for an attack, and forgets its session.
  if (ssl_ && !broken_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  OPENSSL_cleanse(&client_secret_, sizeof client_secret_);
  OPENSSL_cleanse(&server_secret_, sizeof server_secret_);
}

int TlsEngine::bio_read(char* buffer, std::size_t size) {
  const bool begins = wire_.between_records();
  const int count = wire_.read_record(buffer, std::min<std::size_t>(size, INT_MAX));
  if (count > 0 && begins && established_) ++records_read_;
  return count;
}

int TlsEngine::bio_write(const char* bytes, std::size_t size) { return wire_.write(bytes, size); }

void TlsEngine::take_secret(std::string_view line) {
  // "CLIENT_TRAFFIC_SECRET_0 <random> <secret>", both in hexadecimal digits.
  Secret* secret = line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")   ? &client_secret_
                   : line.starts_with("SERVER_TRAFFIC_SECRET_0 ") ? &server_secret_
                                                                  : nullptr;
  if (secret == nullptr) return;
  const std::string_view digits = line.substr(line.rfind(' ') + 1);
  secret->size = 0;
  for (std::size_t i = 0; i + 1 < digits.size() && secret->size < secret->octets.size(); i += 2) {
    const int high = OPENSSL_hexchar2int(static_cast<unsigned char>(digits[i]));
    const int low = OPENSSL_hexchar2int(static_cast<unsigned char>(digits[i + 1]));
    if (high < 0 || low < 0) return;
    secret->octets[secret->size++] = static_cast<unsigned char>(high << 4 | low);
  }
}

void TlsEngine::see_message(bool ours, std::uint8_t type) {
  if (type == SSL3_MT_KEY_UPDATE) new_keys_ = true;
  // A server's tickets are its first records under the keys of data; each is one.
  if (type == SSL3_MT_NEWSESSION_TICKET && ours) ++records_written_;
}

bool TlsEngine::verify(X509_STORE_CTX* store) {
  X509* leaf = X509_STORE_CTX_get0_cert(store);
  TlsChains* chains = context_->chains();
  if (chains != nullptr ? !chains->verify(store, std::time(nullptr)) : X509_verify_cert(store) != 1) {
    const int error = X509_STORE_CTX_get_error(store);
    refused_ = Fault{Cause::denied, fmt::format("the certificate of {} is not accepted: {}", describe(leaf),
                                                X509_verify_cert_error_string(error))};
    if (!options_.server_name.empty()) refused_->message += fmt::format(" (expected {})", options_.server_name);
    return false;
  }
  const auto accepted = accept_leaf(*leaf);
  if (accepted) return true;
  refused_ = accepted.error();
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  return false;
}

Result<> TlsEngine::accept_leaf(X509& leaf) {
  if (context_->config().peer != PeerCheck::mesh) return {};
  if (context_->config().accept_peer) {
    auto peer = context_->config().accept_peer(leaf);
    if (!peer) return fail(within(fmt::format("the certificate of {}", describe(&leaf)), peer.error()));
    agreement_.peer = std::move(*peer);
  }
  if (!options_.expect) return {};
  return options_.expect(agreement_.peer);
}

int TlsEngine::choose_certificate() {
  const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return 1;
  const auto& chosen = context_->certificate_for(name);
  return SSL_use_cert_and_key(ssl_.get(), chosen.leaf.get(), chosen.key.get(), chosen.chain.get(), 1);
}

void TlsEngine::remember_session(SSL_SESSION* session) {
  OpensslPtr<SSL_SESSION> owned(session);
  awaits_ticket_ = false;
  if (!options_.session) return;
  options_.session->context_ = context_;
  options_.session->session_ = std::move(owned);
}

Result<TlsStep> TlsEngine::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    const auto finished = finish_handshake();
    if (!finished) return fail(finished.error());
    return TlsStep::done;
  }
  const int error = SSL_get_error(ssl_.get(), result);
  if (const auto step = step_of(error)) return *step;
  return fail(fault_of(error, "TLS handshake"));
}

Result<> TlsEngine::finish_handshake() {
  if (SSL_session_reused(ssl_.get()) == 1) {
    if (const auto checked = check_resumed(); !checked) {
      broken_ = true;
      return fail(within("TLS handshake", checked.error()));
    }
  }
  established_ = true;
  awaits_ticket_ = !is_server() && options_.session != nullptr;
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  agreement_.alpn.assign(reinterpret_cast<const char*>(name), size);
  agreement_.version = SSL_get_version(ssl_.get());
  agreement_.resumed = SSL_session_reused(ssl_.get()) == 1;
  if (context_->config().peer == PeerCheck::asked) take_certificates();
  return {};
}

void TlsEngine::take_certificates() {
  // At a server the chain is without the leaf.
  PeerCertificates& certificates = agreement_.certificates;
  certificates.leaf.reset(SSL_get1_peer_certificate(ssl_.get()));
  const STACK_OF(X509)* chain = certificates.leaf ? SSL_get_peer_cert_chain(ssl_.get()) : nullptr;
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    X509* each = sk_X509_value(chain, i);
    X509_up_ref(each);
    certificates.behind.emplace_back(each);
  }
}

// No certificate was exchanged, so the one of the first handshake is judged again: its time may be over, or the rules
// changed.
Result<> TlsEngine::check_resumed() {
  const PeerCheck check = context_->config().peer;
  if (check == PeerCheck::none || check == PeerCheck::asked) return {};
  X509* leaf = SSL_get0_peer_certificate(ssl_.get());
  if (leaf == nullptr) return fail(Cause::denied, "the resumed session has no certificate");
  if (X509_cmp_current_time(X509_get0_notAfter(leaf)) <= 0) {
    return fail(Cause::denied, "the certificate of {} has expired", describe(leaf));
  }
  return accept_leaf(*leaf);
}

std::optional<TlsStep> TlsEngine::step_of(int error) const {
  if (error == SSL_ERROR_WANT_READ) return TlsStep::wants_read;
  if (error == SSL_ERROR_WANT_WRITE) return TlsStep::wants_write;
  return std::nullopt;
}

Fault TlsEngine::fault_of(int error, const char* doing) {
  broken_ = true;
  if (refused_) return within(doing, *refused_);
  if (error == SSL_ERROR_SYSCALL && wire_.os_error() != 0) return connection_fault(doing, wire_.os_error());
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_REASON(code);
  if (error == SSL_ERROR_SYSCALL || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    ERR_clear_error();
    return Fault{Cause::closed, fmt::format("{}: the peer ended the connection without close_notify", doing)};
  }
  const bool denied = reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE ||
                      (reason > SSL_AD_REASON_OFFSET && is_about_certificate(reason - SSL_AD_REASON_OFFSET));
  return Fault{denied ? Cause::denied : Cause::protocol, fmt::format("{}: {}", doing, openssl_error())};
}

std::optional<Result<std::size_t>> TlsEngine::read(std::span<char> buffer) {
  if (read_fault_) return fail(*std::exchange(read_fault_, std::nullopt));
  StreamSource& source = wire_.source();
  source.set_reader_needs_writable(false);
  std::size_t total = 0;
  while (total < buffer.size()) {
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), buffer.data() + total, buffer.size() - total, &count);
    if (result == 1) {
      total += count;
      awaits_ticket_ = false;  // it would have come before data
      if (!source.readable && !has_pending()) break;
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), result);
    const auto step = step_of(error);
    if (total > 0) {
      // The data first; OpenSSL says an end again, but a fault only once.
      if (!step && error != SSL_ERROR_ZERO_RETURN) read_fault_ = fault_of(error, "TLS read");
      if (!step) source.readable = true;  // as a reader that waits for readiness has something to meet
      break;
    }
    if (error == SSL_ERROR_ZERO_RETURN) return 0U;
    if (!step) return fail(fault_of(error, "TLS read"));
    source.set_reader_needs_writable(*step == TlsStep::wants_write);
    return std::nullopt;
  }
  return total;
}

// The next bytes to encrypt as one record: the first piece itself if it fills one or is the last, else small pieces
// gathered.
std::string_view TlsEngine::next_chunk(const Pieces& pieces, std::span<char> scratch) const {
  const iovec& first = pieces.list.front();
  const std::string_view front(static_cast<const char*>(first.iov_base) + pieces.offset, first.iov_len - pieces.offset);
  if (front.size() >= scratch.size() || pieces.list.size() == 1)
    return front.substr(0, std::min(front.size(), kRecord));
  std::size_t size = 0;
  std::size_t offset = pieces.offset;
  for (const iovec& piece : pieces.list) {
    const std::size_t part = std::min(piece.iov_len - offset, scratch.size() - size);
    if (part > 0) std::memcpy(scratch.data() + size, static_cast<const char*>(piece.iov_base) + offset, part);
    size += part;
    offset = 0;
    if (size == scratch.size()) break;
  }
  return {scratch.data(), size};
}

// All records that fit go to the kernel in one call.
std::optional<Result<>> TlsEngine::write(Pieces& pieces) {
  while (true) {
    if (!wire_.flush()) {
      if (wire_.os_error() == 0) return std::nullopt;
      broken_ = true;
      return fail(connection_fault("TLS write", wire_.os_error()));
    }
    if (pieces.done()) return Result<>{};
    auto encrypted = encrypt(pieces, wire_.begin());
    if (!wire_.send() && wire_.os_error() != 0) {
      broken_ = true;
      return fail(connection_fault("TLS write", wire_.os_error()));
    }
    if (encrypted) return encrypted;
  }
}

// Makes records of `pieces` until there are enough of them for a call; a Fault, or nothing.
std::optional<Result<>> TlsEngine::encrypt(Pieces& pieces, TlsWire::Batch& batch) {
  static thread_local std::array<char, kRecord> scratch;
  while (!pieces.done() && batch.size() < TlsWire::Batch::kEnough) {
    const std::string_view chunk = next_chunk(pieces, scratch);
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_write_ex(ssl_.get(), chunk.data(), chunk.size(), &count);
    if (result == 1) {
      ++records_written_;
      pieces.advance(count);
      continue;
    }
    return fail(fault_of(SSL_get_error(ssl_.get(), result), "TLS write"));
  }
  return std::nullopt;
}

Result<TlsStep> TlsEngine::shut_down() {
  if (broken_ || !established_) return TlsStep::done;
  ERR_clear_error();
  const int result = SSL_shutdown(ssl_.get());
  if (result >= 0) return TlsStep::done;
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_WRITE) return TlsStep::wants_write;
  return fail(fault_of(error, "TLS end"));
}

bool TlsEngine::is_idle() {
  if ((SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0) return false;
  if (broken_ || at_end() || read_fault_ || SSL_pending(ssl_.get()) > 0) return false;
  if (!wire_.source().readable && !has_pending()) return true;
  char byte = 0;
  std::size_t count = 0;
  ERR_clear_error();
  const int result = SSL_peek_ex(ssl_.get(), &byte, 1, &count);
  return result != 1 && SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ;
}

std::optional<TlsRecords> TlsEngine::detach() {
  if (!established_ || broken_ || awaits_ticket_ || new_keys_ || read_fault_) return std::nullopt;
  if (SSL_version(ssl_.get()) != TLS1_3_VERSION || SSL_has_pending(ssl_.get()) == 1) return std::nullopt;
  if (SSL_in_init(ssl_.get()) == 1 ||  // in the middle of a message
      !wire_.between_records() || SSL_get_shutdown(ssl_.get()) != 0)
    return std::nullopt;
  const auto suite = tls_suite(SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl_.get())));
  if (!suite || client_secret_.size == 0 || server_secret_.size == 0) return std::nullopt;
  const bool server = is_server();
  auto reads =
      TlsKeys::make(TlsKeys::Use::open, *suite, (server ? client_secret_ : server_secret_).span(), records_read_);
  auto writes =
      TlsKeys::make(TlsKeys::Use::seal, *suite, (server ? server_secret_ : client_secret_).span(), records_written_);
  if (!reads || !writes) return std::nullopt;
  // RFC 6066 §4: 1 to 4 are 512 to 4,096 octets.
  const unsigned shorter = SSL_SESSION_get_max_fragment_length(SSL_get0_session(ssl_.get()));
  const std::size_t largest = shorter >= 1 && shorter <= 4 ? std::size_t{256} << shorter : kTlsPlain;
  return TlsRecords(context_->config().role, std::move(*reads), std::move(*writes), largest);
}

}  // namespace bulkhead::net
