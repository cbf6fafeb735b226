#include "http/h1_encoder.hpp"

#include <gtest/gtest.h>

namespace bulkhead::http {
namespace {

std::string text_of(const Request& request) {
  std::string out;
  encode_request(request, out);
  return out;
}

std::string text_of(const Response& response, const H1ResponseOptions& options = {}) {
  std::string out;
  encode_response(response, options, "websocket", out);
  return out;
}

TEST(H1Encoder, WritesARequestWithItsFraming) {
  Request request{.method = "POST", .authority = "shop", .target = "/a", .fields = {{"X-Case", "kept"}}};
  EXPECT_EQ(text_of(request), "POST /a HTTP/1.1\r\nHost: shop\r\nX-Case: kept\r\nContent-Length: 0\r\n\r\n");
  request.body = true;
  EXPECT_EQ(text_of(request), "POST /a HTTP/1.1\r\nHost: shop\r\nX-Case: kept\r\nTransfer-Encoding: chunked\r\n\r\n");
  request.content_length = 5;
  EXPECT_EQ(text_of(request), "POST /a HTTP/1.1\r\nHost: shop\r\nX-Case: kept\r\nContent-Length: 5\r\n\r\n");
}

TEST(H1Encoder, LeavesOutWhatWouldFrameOrInject) {
  const Request request{
      .method = "GET",
      .authority = "a",
      .target = "/",
      .fields = {{"Content-Length", "9"}, {"host", "b"}, {"X", "a\r\nY: b"}, {"Z Z", "1"}, {"", "1"}}};
  EXPECT_EQ(text_of(request), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST(H1Encoder, WritesAnUpgradeAndItsAnswer) {
  const Request request{.method = "GET", .authority = "a", .target = "/", .protocol = "websocket"};
  EXPECT_EQ(text_of(request), "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
  EXPECT_EQ(text_of(Response{.status = 101, .body = true}),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
}

TEST(H1Encoder, FramesAnswersByStatusMethodAndVersion) {
  EXPECT_EQ(text_of(Response{.status = 204}), "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(text_of(Response{.status = 200}), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(text_of(Response{.status = 200, .body = true}), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(text_of(Response{.status = 200, .body = true}, {.client = Version::http10}),
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(text_of(Response{.status = 200, .content_length = 7}, {.head_request = true}),
            "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
  EXPECT_EQ(text_of(Response{.status = 304, .content_length = 7}, {.keep_alive = false}),
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(text_of(Response{.status = 103, .fields = {{"Link", "x"}}}), "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
}

TEST(H1Encoder, KeepsFramingAndIdentityOutOfTrailers) {
  std::string out;
  encode_chunk_start(255, out);
  encode_last_chunk({{"x-sum", "1"}, {"content-length", "3"}, {"transfer-encoding", "chunked"}, {"txn-token", "a.b.c"}},
                    out);
  EXPECT_EQ(out, "ff\r\n0\r\nx-sum: 1\r\n\r\n");
}

}  // namespace
}  // namespace bulkhead::http
