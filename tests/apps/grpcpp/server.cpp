#include "server.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>

#include <grpcpp/grpcpp.h>
#include <pthread.h>

#include "interop.grpc.pb.h"
#include "metadata.hpp"

namespace interop {
namespace {

using grpc::ServerContext;
using grpc::Status;

void echo_metadata(ServerContext* context) {
  for (const auto& [name, value] : context->client_metadata()) {
    const std::string text(value.data(), value.size());
    if (name == kEchoInitial) context->AddInitialMetadata(kEchoInitial, text);
    if (name == kEchoTrailing) context->AddTrailingMetadata(kEchoTrailing, text);
  }
}

Status check_request(ServerContext* context, const Request& request) {
  const bool compressed = came_compressed(context->c_call());
  if (request.has_compressed() && request.compressed() != compressed) {
    return {grpc::INVALID_ARGUMENT, compressed ? "it came compressed" : "it did not come compressed"};
  }
  return {static_cast<grpc::StatusCode>(request.status()), request.message()};
}

class TestService final : public Test::Service {
 public:
  Status Empty(ServerContext*, const Nothing*, Nothing*) override { return Status::OK; }

  Status Unary(ServerContext* context, const Request* request, Answer* answer) override {
    echo_metadata(context);
    if (Status status = check_request(context, *request); !status.ok()) return status;
    answer->set_received(static_cast<int64_t>(request->payload().size()));
    if (request->replies().empty()) return Status::OK;
    const Reply& reply = request->replies(0);
    if (reply.compressed()) context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
    answer->set_payload(std::string(static_cast<std::size_t>(reply.size()), '\0'));
    return Status::OK;
  }

  Status Collect(ServerContext* context, grpc::ServerReader<Request>* reader, Answer* answer) override {
    Request request;
    int64_t received = 0;
    while (reader->Read(&request)) {
      if (Status status = check_request(context, request); !status.ok()) return status;
      received += static_cast<int64_t>(request.payload().size());
    }
    answer->set_received(received);
    return Status::OK;
  }

  Status Produce(ServerContext* context, const Request* request, grpc::ServerWriter<Answer>* writer) override {
    context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
    return reply(context, *request, writer);
  }

  Status Talk(ServerContext* context, grpc::ServerReaderWriter<Answer, Request>* stream) override {
    echo_metadata(context);
    Request request;
    while (stream->Read(&request)) {
      if (Status status = check_request(context, request); !status.ok()) return status;
      if (Status status = reply(context, request, stream); !status.ok()) return status;
    }
    if (context->IsCancelled()) ++cancelled_;
    return Status::OK;
  }

  Status Cancelled(ServerContext*, const Nothing*, Answer* answer) override {
    answer->set_received(cancelled_);
    return Status::OK;
  }

 private:
  Status reply(ServerContext* context, const Request& request, grpc::internal::WriterInterface<Answer>* writer) {
    for (const Reply& each : request.replies()) {
      const auto due = std::chrono::steady_clock::now() + std::chrono::milliseconds(each.after_ms());
      while (std::chrono::steady_clock::now() < due && !context->IsCancelled()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      Answer answer;
      answer.set_payload(std::string(static_cast<std::size_t>(each.size()), '\0'));
      grpc::WriteOptions options;
      if (!each.compressed()) options.set_no_compression();
      if (!writer->Write(answer, options)) {
        ++cancelled_;
        return {grpc::CANCELLED, "the client left"};
      }
    }
    return Status::OK;
  }

  std::atomic<int64_t> cancelled_ = 0;
};

}  // namespace

int serve(const std::string& address) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  grpc::EnableDefaultHealthCheckService(true);
  TestService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (!server || port == 0) {
    std::fprintf(stderr, "cannot listen on %s\n", address.c_str());
    return 1;
  }
  int received = 0;
  sigwait(&signals, &received);
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
  return 0;
}

}  // namespace interop
