#include "cases.hpp"

#include <array>
#include <chrono>
#include <thread>

#include <grpcpp/grpcpp.h>

#include "interop.grpc.pb.h"
#include "metadata.hpp"

namespace interop {
namespace {

using ChannelPtr = std::shared_ptr<grpc::Channel>;
using grpc::ClientContext;
using grpc::Status;

constexpr std::array<int, 4> kRequestSizes{27182, 8, 1828, 45904};
constexpr std::array<int, 4> kReplySizes{31415, 9, 2653, 58979};
constexpr int kLargeRequest = 271828;
constexpr int kLargeReply = 314159;

void need(bool holds, const std::string& what) {
  if (!holds) throw Failed(what);
}

void need_status(const Status& status, grpc::StatusCode code, const std::string& message) {
  need(status.error_code() == code && status.error_message() == message,
       "status " + std::to_string(status.error_code()) + " \"" + status.error_message() + "\"");
}

void need_ok(const Status& status) { need_status(status, grpc::OK, ""); }

void set_deadline(ClientContext& context, std::chrono::milliseconds time = std::chrono::seconds(30)) {
  context.set_deadline(std::chrono::system_clock::now() + time);
}

Request request_of(int payload, std::initializer_list<Reply> replies = {}) {
  Request request;
  request.set_payload(std::string(static_cast<std::size_t>(payload), '\0'));
  for (const Reply& reply : replies) *request.add_replies() = reply;
  return request;
}

Reply reply_of(int size, bool compressed = false, int after_ms = 0) {
  Reply reply;
  reply.set_size(size);
  reply.set_compressed(compressed);
  reply.set_after_ms(after_ms);
  return reply;
}

void need_size(const Answer& answer, int size) {
  need(answer.payload() == std::string(static_cast<std::size_t>(size), '\0'),
       "an answer of " + std::to_string(answer.payload().size()) + " bytes instead of " + std::to_string(size));
}

void empty_unary(const ChannelPtr& channel) {
  ClientContext context;
  set_deadline(context);
  Nothing nothing;
  need_ok(Test::NewStub(channel)->Empty(&context, Nothing(), &nothing));
}

void large_unary(const ChannelPtr& channel) {
  ClientContext context;
  set_deadline(context);
  Answer answer;
  need_ok(Test::NewStub(channel)->Unary(&context, request_of(kLargeRequest, {reply_of(kLargeReply)}), &answer));
  need_size(answer, kLargeReply);
  need(answer.received() == kLargeRequest, "the request's size");
}

void client_streaming(const ChannelPtr& channel) {
  const auto stub = Test::NewStub(channel);
  ClientContext context;
  set_deadline(context);
  Answer answer;
  const auto writer = stub->Collect(&context, &answer);
  int64_t sum = 0;
  for (const int size : kRequestSizes) {
    need(writer->Write(request_of(size)), "the stream broke");
    sum += size;
  }
  writer->WritesDone();
  need_ok(writer->Finish());
  need(answer.received() == sum, "the sum is " + std::to_string(answer.received()));
}

void server_streaming(const ChannelPtr& channel) {
  const auto stub = Test::NewStub(channel);
  ClientContext context;
  set_deadline(context);
  Request request;
  for (const int size : kReplySizes) *request.add_replies() = reply_of(size);
  const auto reader = stub->Produce(&context, request);
  Answer answer;
  for (const int size : kReplySizes) {
    need(reader->Read(&answer), "too few answers");
    need_size(answer, size);
  }
  need(!reader->Read(&answer), "too many answers");
  need_ok(reader->Finish());
}

void ping_pong(const ChannelPtr& channel) {
  const auto stub = Test::NewStub(channel);
  ClientContext context;
  set_deadline(context);
  const auto stream = stub->Talk(&context);
  Answer answer;
  for (std::size_t i = 0; i < kRequestSizes.size(); ++i) {
    need(stream->Write(request_of(kRequestSizes[i], {reply_of(kReplySizes[i])})), "the stream broke");
    need(stream->Read(&answer), "no answer");
    need_size(answer, kReplySizes[i]);
  }
  stream->WritesDone();
  need(!stream->Read(&answer), "too many answers");
  need_ok(stream->Finish());
}

void empty_stream(const ChannelPtr& channel) {
  const auto stub = Test::NewStub(channel);
  ClientContext context;
  set_deadline(context);
  const auto stream = stub->Talk(&context);
  stream->WritesDone();
  Answer answer;
  need(!stream->Read(&answer), "an answer");
  need_ok(stream->Finish());
}

int64_t cancelled(const ChannelPtr& channel) {
  ClientContext context;
  set_deadline(context);
  Answer answer;
  need_ok(Test::NewStub(channel)->Cancelled(&context, Nothing(), &answer));
  return answer.received();
}

void need_one_more_cancelled(const ChannelPtr& channel, int64_t before) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (cancelled(channel) == before) {
    need(std::chrono::steady_clock::now() < end, "the server does not learn that it is cancelled");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void cancel_after_begin(const ChannelPtr& channel) {
  const auto stub = Test::NewStub(channel);
  ClientContext context;
  set_deadline(context);
  Answer answer;
  const auto writer = stub->Collect(&context, &answer);
  context.TryCancel();
  need(writer->Finish().error_code() == grpc::CANCELLED, "it is not cancelled");
}

void cancel_after_first_response(const ChannelPtr& channel) {
  const int64_t before = cancelled(channel);
  const auto stub = Test::NewStub(channel);
  ClientContext context;
  set_deadline(context);
  const auto stream = stub->Talk(&context);
  need(stream->Write(request_of(kRequestSizes[0], {reply_of(kReplySizes[0])})), "the stream broke");
  Answer answer;
  need(stream->Read(&answer), "no answer");
  need_size(answer, kReplySizes[0]);
  context.TryCancel();
  need(stream->Finish().error_code() == grpc::CANCELLED, "it is not cancelled");
  need_one_more_cancelled(channel, before);
}

void timeout_on_sleeping_server(const ChannelPtr& channel) {
  const int64_t before = cancelled(channel);
  const auto stub = Test::NewStub(channel);
  ClientContext context;
  set_deadline(context, std::chrono::milliseconds(500));
  const auto stream = stub->Talk(&context);
  stream->Write(request_of(kRequestSizes[0], {reply_of(1, false, 60000)}));
  Answer answer;
  need(!stream->Read(&answer), "an answer");
  need(stream->Finish().error_code() == grpc::DEADLINE_EXCEEDED, "the deadline is not exceeded");
  need_one_more_cancelled(channel, before);
}

void status_is(const ChannelPtr& channel, const std::string& message) {
  const auto stub = Test::NewStub(channel);
  Request request;
  request.set_status(grpc::UNKNOWN);
  request.set_message(message);
  {
    ClientContext context;
    set_deadline(context);
    Answer answer;
    need_status(stub->Unary(&context, request, &answer), grpc::UNKNOWN, message);
  }
  ClientContext context;
  set_deadline(context);
  const auto stream = stub->Talk(&context);
  stream->Write(request);
  stream->WritesDone();
  Answer answer;
  need(!stream->Read(&answer), "an answer");
  need_status(stream->Finish(), grpc::UNKNOWN, message);
}

void status_code_and_message(const ChannelPtr& channel) { status_is(channel, "test status message"); }

void special_status_message(const ChannelPtr& channel) {
  status_is(channel, "\t\ntest with whitespace\r\nand Unicode BMP \u263A and non-BMP \U0001F608\t\n");
}

void unimplemented_method(const ChannelPtr& channel) {
  ClientContext context;
  set_deadline(context);
  Nothing nothing;
  const Status status = Test::NewStub(channel)->Missing(&context, Nothing(), &nothing);
  need(status.error_code() == grpc::UNIMPLEMENTED, "status " + std::to_string(status.error_code()));
}

void unimplemented_service(const ChannelPtr& channel) {
  ClientContext context;
  set_deadline(context);
  Nothing nothing;
  const Status status = Absent::NewStub(channel)->Missing(&context, Nothing(), &nothing);
  need(status.error_code() == grpc::UNIMPLEMENTED, "status " + std::to_string(status.error_code()));
}

const std::string kInitialValue = "test_initial_metadata_value";
const std::string kTrailingValue("\x0a\x0b\x00\x0a\xff\x0b\x80", 7);

void add_metadata(ClientContext& context) {
  set_deadline(context);
  context.AddMetadata(kEchoInitial, kInitialValue);
  context.AddMetadata(kEchoTrailing, kTrailingValue);
}

void need_metadata(const ClientContext& context) {
  const auto initial = context.GetServerInitialMetadata().find(kEchoInitial);
  need(initial != context.GetServerInitialMetadata().end() && initial->second == kInitialValue, "initial metadata");
  const auto trailing = context.GetServerTrailingMetadata().find(kEchoTrailing);
  need(trailing != context.GetServerTrailingMetadata().end() && trailing->second == kTrailingValue,
       "trailing metadata");
}

void custom_metadata(const ChannelPtr& channel) {
  const auto stub = Test::NewStub(channel);
  Answer answer;
  ClientContext unary;
  add_metadata(unary);
  need_ok(stub->Unary(&unary, request_of(kLargeRequest, {reply_of(kLargeReply)}), &answer));
  need_metadata(unary);
  ClientContext streaming;
  add_metadata(streaming);
  const auto stream = stub->Talk(&streaming);
  stream->Write(request_of(kLargeRequest, {reply_of(kLargeReply)}));
  stream->WritesDone();
  while (stream->Read(&answer)) need_size(answer, kLargeReply);
  need_ok(stream->Finish());
  need_metadata(streaming);
}

Request expecting(int payload, bool compressed) {
  Request request = request_of(payload, {reply_of(kLargeReply)});
  request.set_compressed(compressed);
  return request;
}

// The server sees how a message came: the first call says wrongly that it comes compressed, so the others prove
// something.
void client_compressed_unary(const ChannelPtr& channel) {
  const auto stub = Test::NewStub(channel);
  Answer answer;
  ClientContext probe;
  set_deadline(probe);
  need(stub->Unary(&probe, expecting(kLargeRequest, true), &answer).error_code() == grpc::INVALID_ARGUMENT,
       "the probe");
  for (const bool compressed : {true, false}) {
    ClientContext context;
    set_deadline(context);
    if (compressed) context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    need_ok(stub->Unary(&context, expecting(kLargeRequest, compressed), &answer));
    need_size(answer, kLargeReply);
  }
}

void client_compressed_streaming(const ChannelPtr& channel) {
  const auto stub = Test::NewStub(channel);
  ClientContext context;
  set_deadline(context);
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  Answer answer;
  const auto writer = stub->Collect(&context, &answer);
  need(writer->Write(expecting(kRequestSizes[0], true)), "the stream broke");
  grpc::WriteOptions options;
  options.set_no_compression();
  need(writer->Write(expecting(kRequestSizes[3], false), options), "the stream broke");
  writer->WritesDone();
  need_ok(writer->Finish());
  need(answer.received() == kRequestSizes[0] + kRequestSizes[3], "the sum");
}

void server_compressed_unary(const ChannelPtr& channel) {
  const auto stub = Test::NewStub(channel);
  for (const bool compressed : {true, false}) {
    ClientContext context;
    set_deadline(context);
    Answer answer;
    need_ok(stub->Unary(&context, request_of(kLargeRequest, {reply_of(kLargeReply, compressed)}), &answer));
    need_size(answer, kLargeReply);
    need(came_compressed(context.c_call()) == compressed, compressed ? "not compressed" : "compressed");
  }
}

void server_compressed_streaming(const ChannelPtr& channel) {
  const auto stub = Test::NewStub(channel);
  ClientContext context;
  set_deadline(context);
  const auto reader = stub->Produce(&context, request_of(0, {reply_of(31415, true), reply_of(92653, false)}));
  Answer answer;
  for (const auto& [size, compressed] : {std::pair(31415, true), std::pair(92653, false)}) {
    need(reader->Read(&answer), "too few answers");
    need_size(answer, size);
    need(came_compressed(context.c_call()) == compressed, compressed ? "not compressed" : "compressed");
  }
  need(!reader->Read(&answer), "too many answers");
  need_ok(reader->Finish());
}

}  // namespace

const std::vector<Case>& all_cases() {
  static const std::vector<Case> kCases{
      {"empty_unary", empty_unary},
      {"large_unary", large_unary},
      {"client_streaming", client_streaming},
      {"server_streaming", server_streaming},
      {"ping_pong", ping_pong},
      {"empty_stream", empty_stream},
      {"cancel_after_begin", cancel_after_begin},
      {"cancel_after_first_response", cancel_after_first_response},
      {"timeout_on_sleeping_server", timeout_on_sleeping_server},
      {"status_code_and_message", status_code_and_message},
      {"special_status_message", special_status_message},
      {"unimplemented_method", unimplemented_method},
      {"unimplemented_service", unimplemented_service},
      {"custom_metadata", custom_metadata},
      {"client_compressed_unary", client_compressed_unary},
      {"client_compressed_streaming", client_compressed_streaming},
      {"server_compressed_unary", server_compressed_unary},
      {"server_compressed_streaming", server_compressed_streaming},
  };
  return kCases;
}

}  // namespace interop
