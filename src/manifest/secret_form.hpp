#pragma once

// What is a secret by its form, whatever its name and wherever it stands: private keys, tokens whose makers gave them a
// known beginning, JSON Web Tokens, credentials of HTTP, URLs with a password. Unlike the guesses of secret.hpp these
// are right nearly always, so that a manifest with one is refused.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::manifest {

struct SecretForm {
  std::string_view why;   // "it is a GitHub token"
  std::string_view name;  // what its file may be called: "token"
  std::size_t begin = 0;  // where it stands in the text
  std::size_t end = 0;
  bool is_private_key = false;  // which nobody can mean to publish
};

// All of them in `text`, in no order; they may overlap. What stands for a value (${NAME}, <password>, ***) is none.
std::vector<SecretForm> secret_forms(std::string_view text);

// `text` with every one of them as ***.
std::string without(std::string_view text, std::vector<SecretForm> forms);

// Whether `value` only stands for what is filled in elsewhere: $NAME, ${NAME}, $(command), {name}, <name>, %NAME%, ***.
bool is_placeholder(std::string_view value);

}  // namespace bulkhead::manifest
