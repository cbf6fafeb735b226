// The gRPC project's interoperability cases with grpc++:
//
//     interop                    serves at $PORT
//     interop HOST:PORT [ROOTS]  runs every case, over TLS where the PEM file ROOTS says whom to trust. The last line
//     is "passed"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <grpcpp/grpcpp.h>

#include "cases.hpp"
#include "server.hpp"

namespace {

std::string contents(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

int run(const std::shared_ptr<grpc::Channel>& channel) {
  int failed = 0;
  for (const interop::Case& each : interop::all_cases()) {
    try {
      each.run(channel);
      std::printf("ok %s\n", each.name.c_str());
    } catch (const interop::Failed& failure) {
      std::printf("failed %s: %s\n", each.name.c_str(), failure.what());
      ++failed;
    }
    std::fflush(stdout);
  }
  std::printf(failed == 0 ? "passed\n" : "not passed\n");
  return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  if (count == 1) {
    const char* port = std::getenv("PORT");
    return interop::serve(std::string("0.0.0.0:") + (port != nullptr ? port : "50051"));
  }
  auto credentials = grpc::InsecureChannelCredentials();
  if (count > 2) credentials = grpc::SslCredentials({contents(words[2]), "", ""});
  return run(grpc::CreateChannel(words[1], credentials));
}
