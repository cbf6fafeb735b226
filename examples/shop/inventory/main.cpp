// The inventory: what lies on the shelves, and who has a claim on it. Listens on $PORT, keeps its data in $HOME.

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <grpcpp/grpcpp.h>
#include <pthread.h>

#include "service.hpp"

namespace {

std::string environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

std::string contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

int serve(const std::string& list) {
  shop::Store store(environment("HOME", "/data") + "/inventory.db");
  store.receive_new(contents(list));
  shop::Ledger ledger(std::move(store));
  shop::InventoryService inventory(ledger);
  shop::BooksService books(ledger);

  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  const std::string address = environment("LISTEN", "0.0.0.0") + ":" + environment("PORT", "50051");
  int port = 0;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.RegisterService(&inventory);
  builder.RegisterService(&books);
  const auto server = builder.BuildAndStart();
  if (!server || port == 0) {
    std::fprintf(stderr, "inventory: cannot listen on %s\n", address.c_str());
    return 1;
  }
  std::printf("inventory listens on port %d\n", port);
  std::fflush(stdout);

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  int received = 0;
  sigwait(&signals, &received);
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread: all inherit it, sigwait() gets the signal
  try {
    return serve(count > 1 ? arguments[1] : "stock.txt");
  } catch (const shop::StoreError& error) {
    std::fprintf(stderr, "inventory: %s\n", error.what());
    return 1;
  }
}
