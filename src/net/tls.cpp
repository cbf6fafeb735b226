#include "net/tls.hpp"

#include <limits>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "net/tls_chains.hpp"
#include "net/tls_engine.hpp"
#include "net/tls_sessions.hpp"

namespace bulkhead::net {
namespace {

constexpr const char* kCiphers12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
constexpr const char* kCiphers13 = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr int kSecurityLevel = 2;
constexpr std::size_t kLargestHint = 16U << 10U;
constexpr std::size_t kMostChains = 256;
constexpr long kLargestChain = 32L << 10U;  // octets of what a stranger may present

OpensslPtr<BIO> memory_bio(std::string_view bytes) {
  if (bytes.size() > std::numeric_limits<int>::max()) return nullptr;
  return OpensslPtr<BIO>(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

// A key with a passphrase is refused rather than asked for on the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

std::unexpected<Fault> openssl_fail(std::string_view doing, Cause cause = Cause::invalid) {
  return fail(cause, "{}: {}", doing, openssl_error());
}

int select_alpn(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                unsigned offered_size, void* config) {
  const std::string_view offer(reinterpret_cast<const char*>(offered), offered_size);
  for (const std::string& protocol : static_cast<const TlsConfig*>(config)->alpn) {
    for (std::size_t at = 0; at < offer.size(); at += 1 + static_cast<unsigned char>(offer[at])) {
      const std::string_view candidate = offer.substr(at + 1, static_cast<unsigned char>(offer[at]));
      if (candidate != protocol) continue;
      *chosen = offered + at + 1;
      *chosen_size = static_cast<unsigned char>(candidate.size());
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// Whoever asks decides later, and each time.
int take_any(X509_STORE_CTX* store, void*) {
  X509_STORE_CTX_set_error(store, X509_V_OK);
  return 1;
}

TlsEngine& engine_of(const SSL* ssl) { return *static_cast<TlsEngine*>(SSL_get_app_data(ssl)); }

int verify_peer(X509_STORE_CTX* store, void*) {
  const auto* ssl = static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  return engine_of(ssl).verify(store) ? 1 : 0;
}

int choose_certificate(SSL* ssl, void*) { return engine_of(ssl).choose_certificate(); }

int new_session(SSL* ssl, SSL_SESSION* session) {
  engine_of(ssl).remember_session(session);
  return 1;  // the reference is ours now
}

TlsSessions& sessions_of(const SSL_CTX* context) { return *static_cast<TlsSessions*>(SSL_CTX_get_app_data(context)); }

int keep_session(SSL* ssl, SSL_SESSION* session) {
  sessions_of(SSL_get_SSL_CTX(ssl)).keep(session);
  return 0;  // the reference stays OpenSSL's
}

SSL_SESSION* find_session(SSL* ssl, const unsigned char* id, int size, int* copy) {
  *copy = 0;  // the reference is OpenSSL's
  const std::string_view name(reinterpret_cast<const char*>(id), static_cast<std::size_t>(size));
  return sessions_of(SSL_get_SSL_CTX(ssl)).find(name).release();
}

void forget_session(SSL_CTX* context, SSL_SESSION* session) {
  unsigned size = 0;
  const unsigned char* id = SSL_SESSION_get_id(session, &size);
  sessions_of(context).forget({reinterpret_cast<const char*>(id), size});
}

void take_secret(const SSL* ssl, const char* line) { engine_of(ssl).take_secret(line); }

void see_message(int ours, int, int kind, const void* bytes, std::size_t size, SSL* ssl, void*) {
  if (kind != SSL3_RT_HANDSHAKE || size == 0) return;
  engine_of(ssl).see_message(ours == 1, *static_cast<const std::uint8_t*>(bytes));
}

}  // namespace

PrivateKey share_key(EVP_PKEY* owned) { return PrivateKey(owned, OpensslDelete()); }

std::string openssl_error() {
  std::string text;
  while (const unsigned long error = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(error);
    if (reason == nullptr) continue;
    if (!text.empty()) text += "; ";
    text += reason;
  }
  return text.empty() ? "unknown error" : text;
}

Result<PrivateKey> private_key_from_pem(std::string_view pem) {
  ERR_clear_error();
  const auto bio = memory_bio(pem);
  EVP_PKEY* key = bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_passphrase, nullptr) : nullptr;
  if (key == nullptr) return openssl_fail("read a private key (PEM, without passphrase)");
  return share_key(key);
}

Result<std::vector<OpensslPtr<X509>>> certificates_from_pem(std::string_view pem) {
  ERR_clear_error();
  const auto bio = memory_bio(pem);
  std::vector<OpensslPtr<X509>> certificates;
  while (X509* certificate = bio ? PEM_read_bio_X509(bio.get(), nullptr, &no_passphrase, nullptr) : nullptr) {
    certificates.emplace_back(certificate);
  }
  const unsigned long error = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (!at_end) return openssl_fail("read certificates (PEM)");
  ERR_clear_error();
  if (certificates.empty()) return fail(Cause::invalid, "there is no certificate (PEM) in the text");
  return certificates;
}

TlsContext::TlsContext(TlsConfig config) : config_(std::move(config)) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::make(TlsConfig config) {
  std::shared_ptr<TlsContext> context(new TlsContext(std::move(config)));
  if (const auto configured = context->configure(); !configured) return fail(within("TLS", configured.error()));
  return context;
}

Result<> TlsContext::configure() {
  ERR_clear_error();
  const bool server = config_.role == TlsRole::server;
  context_.reset(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
  SSL_CTX* context = context_.get();
  if (context == nullptr) return openssl_fail("make a context", Cause::internal);
  SSL_CTX_set_security_level(context, kSecurityLevel);
  SSL_CTX_set_min_proto_version(context, config_.allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  // Not a log: it is how OpenSSL tells the secrets of which TlsRecords makes its keys.
  SSL_CTX_set_keylog_callback(context, &take_secret);
  SSL_CTX_set_msg_callback(context, &see_message);
  if (SSL_CTX_set_cipher_list(context, kCiphers12) != 1 || SSL_CTX_set_ciphersuites(context, kCiphers13) != 1 ||
      SSL_CTX_set1_groups_list(context, kGroups) != 1) {
    return openssl_fail("choose ciphers", Cause::internal);
  }
  if (const auto loaded = load_credentials(); !loaded) return loaded;
  if (const auto loaded = load_anchors(); !loaded) return loaded;
  if (const auto set = set_alpn(); !set) return set;
  set_verification();
  set_sessions();
  return {};
}

Result<> TlsContext::load_credentials() {
  for (const TlsCredential& credential : config_.credentials) {
    auto certificates = certificates_from_pem(credential.chain_pem);
    if (!certificates) return fail(within("certificate chain", certificates.error()));
    if (!credential.key) return fail(Cause::invalid, "a certificate without its private key");
    if (X509_check_private_key(certificates->front().get(), credential.key.get()) != 1) {
      return openssl_fail("the private key is not the certificate's");
    }
    Certificate certificate{.leaf = std::move(certificates->front()), .key = credential.key};
    certificate.chain.reset(sk_X509_new_null());
    for (std::size_t i = 1; i < certificates->size(); ++i) {
      sk_X509_push(certificate.chain.get(), (*certificates)[i].release());
    }
    certificates_.push_back(std::move(certificate));
  }
  if (certificates_.empty()) {
    if (config_.role == TlsRole::client && config_.peer != PeerCheck::mesh) return {};
    return fail(Cause::invalid, "a certificate is needed");
  }
  const Certificate& first = certificates_.front();
  if (SSL_CTX_use_cert_and_key(context_.get(), first.leaf.get(), first.key.get(), first.chain.get(), 1) != 1) {
    return openssl_fail("use the certificate");
  }
  if (certificates_.size() > 1) SSL_CTX_set_cert_cb(context_.get(), &net::choose_certificate, nullptr);
  return {};
}

Result<> TlsContext::load_anchors() {
  if (config_.peer == PeerCheck::none) return {};
  if (config_.peer == PeerCheck::asked) return name_anchors();
  if (config_.system_roots && SSL_CTX_set_default_verify_paths(context_.get()) != 1) {
    return openssl_fail("load the system's roots", Cause::io);
  }
  if (config_.trust_anchors_pem.empty()) {
    if (config_.system_roots) return {};
    return fail(Cause::invalid, "trust anchors are needed to verify peers");
  }
  const auto anchors = certificates_from_pem(config_.trust_anchors_pem);
  if (!anchors) return fail(within("trust anchors", anchors.error()));
  X509_STORE* store = SSL_CTX_get_cert_store(context_.get());
  for (const auto& anchor : *anchors) {
    if (X509_STORE_add_cert(store, anchor.get()) != 1) return openssl_fail("add a trust anchor");
  }
  return {};
}

// A client with several certificates, or a person at a browser, chooses by these names. Of very many there are none: a
// message has room for 64 KiB.
Result<> TlsContext::name_anchors() {
  const auto anchors = certificates_from_pem(config_.trust_anchors_pem);
  if (!anchors) return fail(within("trust anchors", anchors.error()));
  std::size_t size = 0;
  for (const auto& anchor : *anchors)
    size +=
        sizeof(std::uint16_t) + static_cast<std::size_t>(i2d_X509_NAME(X509_get_subject_name(anchor.get()), nullptr));
  if (size > kLargestHint) return {};
  for (const auto& anchor : *anchors)
    if (SSL_CTX_add_client_CA(context_.get(), anchor.get()) != 1) return openssl_fail("name a trust anchor");
  return {};
}

Result<> TlsContext::set_alpn() {
  if (config_.alpn.empty()) return {};
  std::string list;
  for (const std::string& protocol : config_.alpn) {
    if (protocol.empty() || protocol.size() > 255) return fail(Cause::invalid, "an ALPN name has 1 to 255 bytes");
    list += static_cast<char>(protocol.size());
    list += protocol;
  }
  if (config_.role == TlsRole::server) {
    SSL_CTX_set_alpn_select_cb(context_.get(), &select_alpn, &config_);
    return {};
  }
  const auto* bytes = reinterpret_cast<const unsigned char*>(list.data());
  if (SSL_CTX_set_alpn_protos(context_.get(), bytes, static_cast<unsigned>(list.size())) != 0) {
    return openssl_fail("offer protocols");
  }
  return {};
}

void TlsContext::set_verification() {
  if (config_.peer == PeerCheck::none) {
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_NONE, nullptr);
    return;
  }
  if (config_.peer == PeerCheck::asked) {
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(context_.get(), &take_any, nullptr);
    SSL_CTX_set_max_cert_list(context_.get(), kLargestChain);
    return;
  }
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(context_.get(), &verify_peer, nullptr);
  if (config_.peer == PeerCheck::mesh) chains_ = std::make_unique<TlsChains>(kMostChains);
}

void TlsContext::set_sessions() {
  SSL_CTX* context = context_.get();
  if (config_.role == TlsRole::client) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, &new_session);
    return;
  }
  if (config_.session_cache == 0) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    return;
  }
  static constexpr std::string_view kSessionContext = "bulkhead";
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(kSessionContext.data()),
                                 static_cast<unsigned>(kSessionContext.size()));
  SSL_CTX_set_timeout(context, static_cast<long>(config_.session_lifetime.count()));
  SSL_CTX_set_num_tickets(context, 1);
  if (config_.peer != PeerCheck::none) {
    // Decoding the peer's certificate again would cost most of a handshake.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_cache_size(context, static_cast<long>(config_.session_cache));
    return;
  }
  sessions_ = std::make_unique<TlsSessions>(config_.session_cache);
  SSL_CTX_set_app_data(context, sessions_.get());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &keep_session);
  SSL_CTX_sess_set_get_cb(context, &find_session);
  SSL_CTX_sess_set_remove_cb(context, &forget_session);
}

const TlsContext::Certificate& TlsContext::certificate_for(std::string_view server_name) const {
  for (const Certificate& certificate : certificates_) {
    if (X509_check_host(certificate.leaf.get(), server_name.data(), server_name.size(), 0, nullptr) == 1)
      return certificate;
  }
  return certificates_.front();
}

}  // namespace bulkhead::net
