#pragma once

// Container images, unpacked once for all applications of this user: skopeo copies, umoci unpacks, both programs of the
// host. Below state_base()/.images a directory for each digest, which only this user may enter; a service sees the root
// file system in it, read-only, with the rights of a stranger.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "control/image_config.hpp"

namespace bulkhead::control {

struct StoredImage {
  std::string digest;                   // "sha256:…" of its manifest
  std::vector<std::string> references;  // under which it was asked for, with absolute paths
  std::string root;                     // the directory with its root file system
  std::uint64_t bytes = 0;
  std::int64_t unpacked = 0;  // unix time
  ImageConfig config;
};

// What is there, by digest. What can not be read is left out.
std::vector<StoredImage> stored_images();

// The image of a manifest's `image:`, unpacked if it was not. `directory` is what its relative path counts from;
// `fetching` hears of what takes long. Blocks. Cause::not_found where skopeo or umoci are not installed.
Result<StoredImage> obtain_image(const std::string& reference, const std::string& directory,
                                 const std::function<void(std::string_view)>& fetching);

// The applications that run with it, or are kept.
std::vector<std::string> users_of(const StoredImage& image);

// `name` is a reference, or six digits of a digest or more. Cause::conflict where an application uses it.
Result<StoredImage> remove_image(const std::string& name);

}  // namespace bulkhead::control
