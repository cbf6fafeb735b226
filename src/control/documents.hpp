#pragma once

#include <map>
#include <string>
#include <vector>

#include "manifest/application.hpp"
#include "manifest/report.hpp"

// The files that a manifest names and that are no manifests: key sets and certificates of those who vouch for end
// users, and contracts.
namespace bulkhead::control {

inline constexpr std::size_t kLargestDocument = 1U << 20U;

// Their paths as the manifest has them, each once.
std::vector<std::string> documents_of(const manifest::Application& application);

// Gives each its text, by path. Reports one that is not there, and one that is not what it should be.
void take_documents(manifest::Application& application, const std::map<std::string, std::string>& documents,
                    manifest::Report& report);

}  // namespace bulkhead::control
