#include "control/secrets.hpp"

#include <algorithm>
#include <array>
#include <csignal>

#include <fmt/ranges.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/fd.hpp"
#include "base/utf8.hpp"
#include "telemetry/trace.hpp"

namespace bulkhead::control {

namespace {

using manifest::GrantedSecret;
using manifest::Service;

constexpr std::size_t kKeySize = 32;

std::uint32_t signal_number(const std::string& signal) {
  constexpr std::array<std::pair<std::string_view, std::uint32_t>, 4> kSignals{
      {{"HUP", SIGHUP}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"WINCH", SIGWINCH}}};
  const auto* const found = std::ranges::find(kSignals, signal, [](const auto& each) { return each.first; });
  return found == kSignals.end() ? 0 : found->second;
}

const SecretContent* find(const GrantedSecret& granted, const std::string& directory, const SecretContents& contents) {
  const auto found = contents.find(content_key(granted.secret, directory));
  return found == contents.end() ? nullptr : &found->second;
}

Result<const SecretContent*> content_of(const GrantedSecret& granted, const std::string& directory,
                                        const SecretContents& contents) {
  const SecretContent* content = find(granted, directory, contents);
  if (content != nullptr && !content->files.empty()) return content;
  return fail(Cause::not_found, "secret '{}': {}", granted.secret.name,
              content == nullptr ? "it was not read" : content->problem);
}

void put(std::string& into, std::string_view text) { into += fmt::format("{}:{}", text.size(), text); }

// As a shell's $(cat FILE) has it.
Result<std::string> variable_of(const GrantedSecret& granted, std::string value) {
  while (value.ends_with('\n')) value.pop_back();
  if (first_bad_byte(value) != std::string::npos)
    return fail(Cause::invalid, "secret '{}' is no text, which a variable must be: remove 'env'", granted.secret.name);
  return value;
}

}  // namespace

std::string content_key(const manifest::Secret& secret, const std::string& directory) {
  const bool variable = secret.source == manifest::Secret::Source::environment;
  return fmt::format("{} {}", to_string(secret.source), variable ? secret.from : path_of(secret, directory));
}

std::string secrets_revision(const Service& service, const std::string& directory, const SecretContents& contents) {
  std::string text;
  for (const GrantedSecret& each : service.secrets) {
    const SecretContent* content = find(each, directory, contents);
    const bool told = !each.signal.empty() || service.type == manifest::ServiceType::job;
    for (const std::string& part : {each.secret.name, each.target, each.env, fmt::format("{:o}", each.mode),
                                    told                 ? "told"
                                    : content == nullptr ? ""
                                                         : content->digest})
      put(text, part);
  }
  return text;
}

Result<std::vector<compartments::SecretFile>> secret_files(const Service& service, const std::string& directory,
                                                           const SecretContents& contents) {
  std::vector<compartments::SecretFile> files;
  std::size_t octets = 0;
  for (const GrantedSecret& each : service.secrets) {
    const auto content = content_of(each, directory, contents);
    if (!content) return fail(content.error());
    for (const SecretFile& file : (*content)->files) {
      octets += file.content.size();
      const std::string path = file.name.empty() ? each.target : each.target + "/" + file.name;
      files.push_back({each.secret.name, path, file.content, each.mode, signal_number(each.signal)});
    }
  }
  if (octets > compartments::kMostSecretOctets || files.size() > compartments::kMostSecretFiles)
    return fail(Cause::exhausted, "the secrets of '{}' are {} bytes in {} files: at most {} in {} are possible",
                service.name, octets, files.size(), compartments::kMostSecretOctets, compartments::kMostSecretFiles);
  return files;
}

Result<std::map<std::string, std::string>> secret_variables(const Service& service, const std::string& directory,
                                                            const SecretContents& contents) {
  std::map<std::string, std::string> variables;
  for (const GrantedSecret& each : service.secrets) {
    if (each.env.empty()) continue;
    const auto content = content_of(each, directory, contents);
    if (!content) return fail(content.error());
    auto value = variable_of(each, (*content)->files.front().content);
    if (!value) return fail(value.error());
    variables[each.env] = std::move(*value);
  }
  return variables;
}

std::set<std::string> changed_secrets(const Service& service, const std::string& directory,
                                      const SecretContents& before, const SecretContents& after) {
  std::set<std::string> names;
  for (const GrantedSecret& each : service.secrets) {
    const SecretContent* old = find(each, directory, before);
    const SecretContent* next = find(each, directory, after);
    if (old != nullptr && next != nullptr && old->digest != next->digest) names.insert(each.target);
  }
  return names;
}

std::vector<std::string> secret_problems(const std::vector<const GrantedSecret*>& granted, const std::string& directory,
                                         const SecretContents& contents) {
  std::vector<std::string> problems;
  for (const GrantedSecret* each : granted) {
    const SecretContent* content = find(*each, directory, contents);
    if (content == nullptr || content->problem.empty()) continue;
    std::string text = fmt::format("{}: secret '{}': {}", manifest::to_string(each->secret.position), each->secret.name,
                                   content->problem);
    if (std::ranges::find(problems, text) == problems.end()) problems.push_back(std::move(text));
  }
  return problems;
}

Result<std::map<std::string, std::string>> export_headers(const manifest::TelemetryExport& exported,
                                                          const std::string& directory,
                                                          const SecretContents& contents) {
  std::map<std::string, std::string> headers;
  for (const manifest::ExportHeader& each : exported.headers) {
    const auto content = content_of(each.value, directory, contents);
    if (!content) return fail(content.error());
    std::string value = (*content)->files.front().content;
    while (value.ends_with('\n') || value.ends_with('\r')) value.pop_back();
    const auto fits = [](char c) {
      return c == '\t' || (c >= ' ' && c != 0x7f && static_cast<unsigned char>(c) < 0x80);
    };
    if (value.empty() || !std::ranges::all_of(value, fits))
      return fail(Cause::invalid, "secret '{}' is no line of ASCII text, which a header's value must be",
                  each.value.secret.name);
    headers[each.name] = std::move(value);
  }
  return headers;
}

namespace {

// Every value of `granted` but those that stand in the name of the application or of a service.
Redactor redactor_of(const std::vector<const GrantedSecret*>& granted, const manifest::Application& application,
                     const std::string& directory, const std::vector<const SecretContents*>& contents) {
  std::vector<std::string> names{application.name};
  for (const Service& service : application.services) names.push_back(service.name);
  Redactor redactor(std::move(names));
  for (const GrantedSecret* each : granted)
    for (const SecretContents* version : contents)
      if (const SecretContent* content = find(*each, directory, *version))
        for (const SecretFile& file : content->files) redactor.add(each->secret.name, file.content);
  return redactor;
}

}  // namespace

std::shared_ptr<const Redactor> redactor_of(const manifest::Application& application, const std::string& directory,
                                            const std::vector<const SecretContents*>& contents) {
  return std::make_shared<const Redactor>(redactor_of(application.granted_secrets(), application, directory, contents));
}

nlohmann::json redacted(const Redactor& redactor, nlohmann::json value) {
  if (redactor.empty()) return value;
  if (value.is_string()) return redactor.redact(value.get_ref<const std::string&>());
  if (value.is_structured())
    for (auto& each : value) each = redacted(redactor, std::move(each));
  return value;
}

Result<SecretReader> SecretReader::open(const std::string& key_file) {
  auto key = read_file(key_file, kKeySize);
  if (key && key->size() == kKeySize) return SecretReader(std::move(*key));
  if (!key && key.error().os_error != ENOENT) return fail(within("the key of secrets' digests", key.error()));
  std::string made(kKeySize, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(made.data()), kKeySize) != 1)
    return fail(Cause::internal, "no random bytes for the key of secrets' digests");
  if (auto written = write_file_atomically(key_file, made, 0600); !written) return fail(written.error());
  return SecretReader(std::move(made));
}

SecretReader::Code SecretReader::code_of(std::string_view text) const {
  Code code{};
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), code.data(), nullptr);
  return code;
}

std::string SecretReader::digest_of(const std::vector<SecretFile>& files) const {
  std::string text;
  for (const SecretFile& file : files) {
    put(text, file.name);
    put(text, file.content);
  }
  return telemetry::hex(code_of(text));
}

ServiceMarks SecretReader::marks_of(const manifest::Application& application, const std::string& directory,
                                    const std::vector<const SecretContents*>& contents) const {
  ServiceMarks marks;
  const Code key = code_of("key of the marks of secrets");  // no files: their text begins with a number
  for (const Service& service : application.services) {
    std::vector<const GrantedSecret*> granted;
    for (const GrantedSecret& each : service.secrets) granted.push_back(&each);
    const telemetry::SecretMarks own(key, redactor_of(granted, application, directory, contents));
    if (!own.empty()) marks.emplace(service.name, own.text());
  }
  return marks;
}

SecretContents SecretReader::read(const manifest::Application& application, const std::string& directory,
                                  const Variables& variables, const SecretContents& before) const {
  SecretContents contents;
  for (const GrantedSecret* each : application.granted_secrets()) {
    const std::string key = content_key(each->secret, directory);
    if (contents.contains(key)) continue;
    SecretContent& content = contents[key];
    if (const auto known = before.find(key); known != before.end()) content = known->second;
    content.fingerprint = fingerprint_of(each->secret, directory);  // first: what is written meanwhile is another one
    auto files = read_secret(each->secret, directory, variables);
    if (files && fingerprint_of(each->secret, directory) != content.fingerprint)
      files = fail(Cause::conflict, "{} changes while it is read", path_of(each->secret, directory));
    content.problem = files ? "" : files.error().message;
    if (!files) {
      if (content.fingerprint != kNoFile) content.fingerprint.clear();  // it is tried again
      continue;
    }
    content.digest = digest_of(*files);
    content.files = std::move(*files);
  }
  return contents;
}

}  // namespace bulkhead::control
