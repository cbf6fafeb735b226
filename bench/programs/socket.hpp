#pragma once

// TCP and Unix sockets, never blocking, without delay.

#include <cstdint>
#include <string>

#include <sys/socket.h>

namespace bench {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// `host` is a name, or the path of a Unix socket. Throws where the name has no address.
Address resolve(const std::string& host, const std::string& port);

int listen_at(const Address& address);   // throws where it can not
int accept_from(int listener);           // -1 once nobody waits
int connect_to(const Address& address);  // begun, not finished; throws where it can not even begin

}  // namespace bench
