#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "proxy/snapshot.hpp"

namespace bulkhead::control {

// The certificate that the gateway shows where the manifest gives none: self-signed, P-256, for localhost, the
// listening addresses and the hosts of the routes. Kept in `directory` (certificate.pem 0644 for clients that want to
// trust it, key.pem 0600) and made again when it is within 30 days of its end or `hosts` are not all in it. `now` is
// wall-clock time in seconds.
Result<proxy::Certificate> generated_certificate(const std::string& directory, const std::vector<std::string>& hosts,
                                                 std::int64_t now);

// The certificate and key that the manifest names. Checked: they parse and belong together.
Result<proxy::Certificate> given_certificate(const std::string& certificate_path, const std::string& key_path);

}  // namespace bulkhead::control
