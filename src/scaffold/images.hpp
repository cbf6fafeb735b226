#pragma once

// Container images that many Compose files name, and the program of Debian that does the same in a compartment.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "scaffold/plan.hpp"

namespace bulkhead::scaffold {

enum class ImageKind : std::uint8_t {
  unknown,
  postgres,
  redis,
  memcached,
  mariadb,
  rabbitmq,
  nginx,
  proxy,   // another reverse proxy: the gateway does its work
  python,  // an interpreter, whose program the Compose file or the folder names
  node,
  java,
  ruby,
  php,
  system,  // a bare system: debian, alpine, busybox
};

struct Image {
  ImageKind kind = ImageKind::unknown;
  std::string name;  // "postgres", without registry and tag
  std::string tag;
};

// "docker.io/library/postgres:16-alpine" is {postgres, "postgres", "16-alpine"}.
Image image_of(std::string_view reference);

// Where the programs of an image listen and what is spoken there; number 0 is not known.
PortPlan port_of_image(const Image& image);

// The directory in which an image keeps what a named volume is meant to keep; "" where there is none.
std::string_view data_directory_of(ImageKind kind);

// The command in a compartment. `arguments` are those of the Compose file, without the program itself, as the manifest
// writes them.
std::vector<std::string> postgres_command(const std::vector<std::string>& arguments, std::uint16_t port);
std::vector<std::string> redis_command(const std::vector<std::string>& arguments, std::uint16_t port);
std::vector<std::string> mariadb_command(const std::vector<std::string>& arguments, std::uint16_t port);
std::vector<std::string> rabbitmq_command(bool with_management);
std::vector<std::string> memcached_command(const std::vector<std::string>& arguments, std::uint16_t port);
// `whole` is the path inside of a configuration that replaces nginx.conf, "" where there is none; `sites` those of
// files that belong into conf.d; `root` where the files to serve stand.
std::vector<std::string> nginx_command(const std::string& whole, const std::vector<std::string>& sites,
                                       const std::string& root, std::uint16_t port);

}  // namespace bulkhead::scaffold
