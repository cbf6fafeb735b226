#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/redactor.hpp"
#include "base/result.hpp"
#include "compartments/spec.hpp"
#include "control/secret_source.hpp"
#include "manifest/application.hpp"
#include "telemetry/secret_marks.hpp"

// What the secrets of an application hold, as the controller knows it: in memory. What is kept on disk of a content is
// a digest of it under a key of this application (decision 10), which says that it is another one and no more.
namespace bulkhead::control {

struct SecretContent {
  std::vector<SecretFile> files;  // none: it could never be read
  std::string digest;             // "" only where neither it nor a controller before this one knows it
  std::string fingerprint;        // of the files that it was read from; "" of those that could not be
  std::string problem;            // why it can't be read now; then all else is as it was
  bool operator==(const SecretContent&) const = default;
};

// By where they are from: two secrets of one file are one content.
using SecretContents = std::map<std::string, SecretContent>;
std::string content_key(const manifest::Secret& secret, const std::string& directory);

// The text that tells two revisions of a service apart by its secrets. Of one whose change the program is told the
// content is no part, and neither is it of a job's: the next run has it.
std::string secrets_revision(const manifest::Service& service, const std::string& directory,
                             const SecretContents& contents);

// Files and variables of an instance that starts. Fails where a content is not known, or can't be what is asked.
Result<std::vector<compartments::SecretFile>> secret_files(const manifest::Service& service,
                                                           const std::string& directory,
                                                           const SecretContents& contents);
Result<std::map<std::string, std::string>> secret_variables(const manifest::Service& service,
                                                            const std::string& directory,
                                                            const SecretContents& contents);

// The targets of the service's secrets whose content is another one in `after`.
std::set<std::string> changed_secrets(const manifest::Service& service, const std::string& directory,
                                      const SecretContents& before, const SecretContents& after);

// Why one of these can't be read, each with its place in the manifest; none where all can.
std::vector<std::string> secret_problems(const std::vector<const manifest::GrantedSecret*>& granted,
                                         const std::string& directory, const SecretContents& contents);

// The header fields that an export sends, by name.
Result<std::map<std::string, std::string>> export_headers(const manifest::TelemetryExport& exported,
                                                          const std::string& directory, const SecretContents& contents);

// Every value of theirs but those that stand in the name of the application or of a service.
std::shared_ptr<const Redactor> redactor_of(const manifest::Application& application, const std::string& directory,
                                            const std::vector<const SecretContents*>& contents);
// What those who write down paths and telemetry find them by, as telemetry::SecretMarks::text(): of each service that
// has any, of its own secrets alone.
using ServiceMarks = std::map<std::string, std::string>;
nlohmann::json redacted(const Redactor& redactor, nlohmann::json value);

// Reads contents, and gives them their digests.
class SecretReader {
 public:
  // The application's key, made where there is none yet.
  static Result<SecretReader> open(const std::string& key_file);

  // What the application's services have, as it is now. What can't be read stays what it is in `before`.
  SecretContents read(const manifest::Application& application, const std::string& directory,
                      const Variables& variables, const SecretContents& before) const;

  std::string digest_of(const std::vector<SecretFile>& files) const;

  ServiceMarks marks_of(const manifest::Application& application, const std::string& directory,
                        const std::vector<const SecretContents*>& contents) const;

 private:
  using Code = telemetry::SecretMarks::Key;
  explicit SecretReader(std::string key) : key_(std::move(key)) {}
  Code code_of(std::string_view text) const;
  std::string key_;
};

}  // namespace bulkhead::control
