#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "manifest/application.hpp"
#include "manifest/report.hpp"

// The files that a manifest names and that are no manifests: key sets and certificates of those who vouch for end
// users, and contracts.
namespace bulkhead::control {

struct Desired;

inline constexpr std::size_t kLargestDocument = 1U << 20U;

// Their paths as the manifest has them, each once.
std::vector<std::string> documents_of(const manifest::Application& application);

// The text of the file at `path`, an absolute one. A descriptor set is binary: its text is base64url, and without what
// it says of its source. A .proto file is made one by protoc, which looks for imports in the file's directory and those
// above it, up to `directory`. Blocks until protoc has ended. A Fault of the operating system where nothing is
// there.
Result<std::string> read_document(const std::string& path, const std::string& directory);

// Gives each its text, by path. Reports one that is not there, and one that is not what it should be.
void take_documents(manifest::Application& application, const Desired& desired, manifest::Report& report);

}  // namespace bulkhead::control
