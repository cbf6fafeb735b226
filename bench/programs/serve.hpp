#pragma once

// What `backend` serves: each takes over a connection that was accepted, until its end.

#include "poller.hpp"

namespace bench {

// GET /bytes/N answers N bytes, whatever else an empty 200. A request's body is read and dropped.
void serve_http1(Poller& poller, int fd);
// HTTP/2 in clear: every call is sent back what it sends, as it comes.
void serve_grpc(Poller& poller, int fd);
// Whatever the first byte is, bytes without end follow.
void serve_stream(Poller& poller, int fd);

}  // namespace bench
