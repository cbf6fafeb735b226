#pragma once

// What a service must know and nobody else. A manifest says where a secret comes from and who has it, never what it is.

#include <cstdint>
#include <string>
#include <string_view>

#include "manifest/position.hpp"

namespace bulkhead::manifest {

struct Secret {
  enum class Source : std::uint8_t {
    file,         // a file of the host
    environment,  // a variable of whoever runs `bulkhead up`
    directory,    // the files of a directory of the host
  };
  std::string name;  // letters, digits, '_', '-' and '.'
  Source source = Source::file;
  std::string from;  // the path, relative to the manifest or absolute or "~/...", or the variable's name
  Position position;
  bool operator==(const Secret&) const = default;
};

// What one service gets of it.
struct GrantedSecret {
  Secret secret;
  std::string target;         // the name below /run/secrets
  std::string env;            // a variable that holds it as well; "" is none, as always for a directory
  std::string signal;         // "HUP": what the program is told when it has changed; "": it is replaced instead
  std::uint32_t mode = 0400;  // of its files
  Position position;
  bool operator==(const GrantedSecret&) const = default;
};

std::string_view to_string(Secret::Source source);

// Why a variable's value that stands in the manifest is refused there, "" where it is not: "by its name", or what its
// form says (secret_form.hpp). The answer never contains the value.
std::string_view written_secret(std::string_view name, std::string_view value);

// Whether the name of a variable says that this value of it is a secret.
bool is_secret_by_name(std::string_view name, std::string_view value);

// Why a variable looks like a secret, "" where it does not: "its name", "it begins like a known kind of key", "it holds
// a password", "it is random". A guess for a warning; the answer never contains the value.
std::string_view looks_secret(std::string_view name, std::string_view value);

}  // namespace bulkhead::manifest
