#pragma once

// Bytes to and from a peer, over TCP or TLS 1.3, never blocking.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/ssl.h>

#include "socket.hpp"

namespace bench {

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslContext = std::unique_ptr<SSL_CTX, FreeSsl>;

// A client that takes any certificate: what is measured is the proxy. `alpn`: h2 and http/1.1; `certificate` a file of
// its own and its key, or empty.
SslContext client_context(const std::vector<std::string>& alpn, const std::string& certificate);

enum class Io { done, later, closed };

class Transport {
 public:
  Transport(const Address& address, SSL_CTX* context);  // null: without TLS
  explicit Transport(int accepted) : fd_(accepted) {}   // which is closed with it
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  int fd() const { return fd_; }

  struct Got {
    Io io;
    std::span<const char> bytes;  // valid until the next call of any transport
    bool more;                    // there may be more to read at once
  };
  Got read();

  // What is queued goes out with the next flush, together; `closed` where the peer does not take any more.
  void queue(std::string_view bytes) { unsent_ += bytes; }
  Io flush();

 private:
  int fd_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  std::string unsent_;
};

}  // namespace bench
