#include "control/documents.hpp"

#include <algorithm>

#include "contracts/contract.hpp"
#include "control/users.hpp"
#include "proxy/contract_desk.hpp"
#include "proxy/provider.hpp"

namespace bulkhead::control {

namespace {

// The text of `path`, reported where there is none.
const std::string* text_of(const std::map<std::string, std::string>& documents, const std::string& path,
                           const manifest::Position& position, std::string_view what, manifest::Report& report) {
  const auto found = documents.find(path);
  if (found != documents.end()) return &found->second;
  report.add(position, "no-such-file", fmt::format("{} '{}' does not exist or can not be read", what, path))
      .help.push_back(fmt::format("a readable file of at most {} KiB", kLargestDocument / 1024));
  return nullptr;
}

void take_keys(manifest::Provider& provider, const std::map<std::string, std::string>& documents,
               manifest::Report& report) {
  if (provider.jwks.empty()) return;
  const std::string* text =
      text_of(documents, provider.jwks, provider.position, fmt::format("the key set of '{}'", provider.name), report);
  if (text == nullptr) return;
  provider.keys = *text;
  if (const auto keys = proxy::read_key_set(provider_of(provider)); !keys)
    report.add(
        provider.position, "keys",
        fmt::format("the keys of '{}' can not be used: {}: {}", provider.name, provider.jwks, keys.error().message));
}

void take_contract(manifest::Service& service, const std::map<std::string, std::string>& documents,
                   manifest::Report& report) {
  if (!service.contract) return;
  manifest::Contract& contract = *service.contract;
  const std::string* text =
      text_of(documents, contract.file, contract.position, fmt::format("the contract of '{}'", service.name), report);
  if (text == nullptr) return;
  contract.text = *text;
  if (const auto read = proxy::read_contract({.file = contract.file, .text = contract.text}); !read)
    report.add(contract.position, "contract",
               fmt::format("the contract of '{}' can not be held: {}", service.name, read.error().message));
}

}  // namespace

std::vector<std::string> documents_of(const manifest::Application& application) {
  std::vector<std::string> paths;
  const auto add = [&](const std::string& path) {
    if (!path.empty() && std::ranges::find(paths, path) == paths.end()) paths.push_back(path);
  };
  for (const manifest::Provider& provider : application.auth) add(provider.jwks);
  for (const manifest::Service& service : application.services)
    if (service.contract) add(service.contract->file);
  return paths;
}

void take_documents(manifest::Application& application, const std::map<std::string, std::string>& documents,
                    manifest::Report& report) {
  for (manifest::Provider& provider : application.auth) take_keys(provider, documents, report);
  for (manifest::Service& service : application.services) take_contract(service, documents, report);
}

}  // namespace bulkhead::control
