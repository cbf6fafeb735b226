#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/result.hpp"

namespace bulkhead::net {

struct OpensslDelete {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(STACK_OF(X509) * chain) const { sk_X509_pop_free(chain, X509_free); }
};
template <class T>
using OpensslPtr = std::unique_ptr<T, OpensslDelete>;
using PrivateKey = std::shared_ptr<EVP_PKEY>;  // shared by contexts of several threads; immutable
PrivateKey share_key(EVP_PKEY* owned);
Result<PrivateKey> private_key_from_pem(std::string_view pem);
// Every certificate of a PEM text, in its order; at least one.
Result<std::vector<OpensslPtr<X509>>> certificates_from_pem(std::string_view pem);
// What OpenSSL's error queue says, emptied: "tlsv1 alert unknown ca".
std::string openssl_error();

// What a peer presented. TLS proves that the peer holds the leaf's key; who it is, its chain says, once that was
// verified.
struct PeerCertificates {
  OpensslPtr<X509> leaf;  // null: it presented none
  std::vector<OpensslPtr<X509>> behind;
};

struct TlsCredential {
  std::string chain_pem;  // leaf first
  PrivateKey key;
};

enum class TlsRole : std::uint8_t { client, server };

enum class PeerCheck : std::uint8_t {
  none,         // a server without client certificates
  asked,        // a server that asks for a certificate and takes any, or none: Stream::peer_certificates() has it
  mesh,         // the peer must present a certificate that chains to the anchors and that accept_peer accepts
  server_name,  // a client that verifies the name of a public server
};

struct TlsConfig {
  TlsRole role = TlsRole::server;
  // A server chooses by SNI among several; the first is used when none fits.
  std::vector<TlsCredential> credentials;
  std::string trust_anchors_pem;  // asked: whose certificates are asked for, a hint
  bool system_roots = false;      // in addition
  std::vector<std::string> alpn;  // by preference. A server refuses a client that offers only others.
  bool allow_tls12 = false;       // else TLS 1.3 only
  PeerCheck peer = PeerCheck::mesh;
  // mesh: decides on the peer's leaf after its chain was verified, on resumed sessions too, and says in canonical text
  // who it is: Stream::peer().
  std::function<Result<std::string>(X509& leaf)> accept_peer;
  // Sessions a server remembers (0: no resumption) and for how long.
  unsigned session_cache = 1024;
  std::chrono::seconds session_lifetime = std::chrono::minutes(30);
};

class TlsChains;
class TlsContext;
class TlsSessions;

// What a client remembers to resume with one peer. The pool keeps one for each peer identity and passes it to every
// handshake with it; those fill it. A session of another TlsContext is not used. For one thread.
class TlsSession {
 public:
  TlsSession() = default;

 private:
  friend class TlsEngine;
  std::weak_ptr<TlsContext> context_;
  OpensslPtr<SSL_SESSION> session_;
};

struct HandshakeOptions {
  std::string server_name;              // client: SNI, and with PeerCheck::server_name what the certificate must be for
  std::shared_ptr<TlsSession> session;  // client
  // Client in the mesh: is this (what accept_peer returned) whom we meant to reach? The fault says who was expected.
  std::function<Result<>(const std::string& peer)> expect;
};

// Immutable TLS settings with a session cache and the chains that were accepted, for the streams of one thread. New
// certificates are a new context; streams keep the one that they were made with. TLS 1.3 (1.2 where allowed, with
// forward secrecy and AEAD), security level 2, no compression, renegotiation or tickets with state.
class TlsContext {
 public:
  static Result<std::shared_ptr<TlsContext>> make(TlsConfig config);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  const TlsConfig& config() const { return config_; }
  SSL_CTX* get() const { return context_.get(); }

  struct Certificate {
    OpensslPtr<X509> leaf;
    OpensslPtr<STACK_OF(X509)> chain;
    PrivateKey key;
  };
  // Whose name fits, else the first.
  const Certificate& certificate_for(std::string_view server_name) const;
  // With PeerCheck::mesh, else null.
  TlsChains* chains() const { return chains_.get(); }

 private:
  explicit TlsContext(TlsConfig config);
  Result<> configure();
  Result<> load_credentials();
  Result<> load_anchors();
  Result<> name_anchors();
  Result<> set_alpn();
  void set_verification();
  void set_sessions();

  TlsConfig config_;
  std::unique_ptr<TlsSessions> sessions_;  // of a server that asks nobody for a certificate; OpenSSL's context uses it
  std::unique_ptr<TlsChains> chains_;
  OpensslPtr<SSL_CTX> context_;
  std::vector<Certificate> certificates_;
};

}  // namespace bulkhead::net
