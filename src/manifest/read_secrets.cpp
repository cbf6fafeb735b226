// Where secrets come from, and which of them a service gets. Nothing here shows what stands where a secret itself was
// written by mistake.

#include <algorithm>
#include <array>

#include <fmt/ranges.h>

#include "base/nearest.hpp"
#include "manifest/draft.hpp"
#include "manifest/env_file.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::size_t kLongestName = 63;
constexpr std::string_view kSources = "{file: ./db_password}, {environment: DB_PASSWORD} or {directory: ./certs}";
constexpr std::string_view kGranted = "db_password or {source: db_password, target: password}";
constexpr std::string_view kNameAllowed = "letters, digits, '_', '-' and '.', no '.' or '-' first, at most 63";

// Of those that a program may be told by, and that end none that listens to them.
constexpr std::array<std::string_view, 4> kSignals{"HUP", "USR1", "USR2", "WINCH"};

bool is_secret_file_name(std::string_view text) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  return !text.empty() && text.size() <= kLongestName && text.front() != '.' && text.front() != '-' &&
         std::ranges::all_of(text, allowed);
}

Mistake& refuse(Context& context, Mark mark, std::string message) {
  return context.report.add(mark, "secret", std::move(message));
}

bool check_secret_name(Context& context, Mark mark, const std::string& name, std::string_view what) {
  if (is_secret_file_name(name)) return true;
  refuse(context, mark, fmt::format("this cannot be {}", what)).allowed = kNameAllowed;
  return false;
}

class SecretReader {
 public:
  SecretReader(Context& context, Draft& draft) : context_(context), draft_(draft) {}

  void read(const Entry& entry) {
    if (!check_secret_name(context_, entry.mark, entry.key, "the name of a secret")) return;
    const std::string what = fmt::format("secret '{}'", entry.key);
    if (entry.value->kind == Node::Kind::scalar) {
      refuse(context_, entry.mark, "a secret's value has no place in a manifest: " + what + " stands there itself")
          .help.push_back(fmt::format("write it into a file and say which: {}: {{file: ./{}}}", entry.key, entry.key));
      return;
    }
    Fields fields(context_, *entry.value, Section::secret, what, entry.mark);
    if (!fields.readable()) return;
    Secret secret{.name = entry.key, .position = context_.report.position(entry.mark)};
    if (read_source(fields, entry, secret)) draft_.application.secrets.push_back(std::move(secret));
  }

 private:
  bool read_source(const Fields& fields, const Entry& entry, Secret& secret) {
    int sources = 0;
    bool good = true;
    for (auto source : {Secret::Source::file, Secret::Source::environment, Secret::Source::directory}) {
      const Node* node = fields.find(to_string(source));
      if (!node) continue;
      ++sources;
      secret.source = source;
      if (source == Secret::Source::environment)
        good = read_variable(*node, fields.mark("environment"), secret);
      else
        fields.read_text_into(to_string(source), secret.from);
    }
    const bool is_said = sources == 0 && !entry.value->entries.empty();  // of each key that is none
    if (sources != 1 && !is_said) {
      refuse(context_, entry.mark,
             fmt::format("secret '{}' comes from {}", entry.key, sources == 0 ? "nowhere" : "several places"))
          .allowed = kSources;
    }
    return sources == 1 && good && !secret.from.empty();
  }

  // The name alone, never `${NAME}`: what that holds would be kept with the manifest.
  bool read_variable(const Node& node, Mark mark, Secret& secret) {
    if (node.kind == Node::Kind::scalar && is_variable_name(node.text)) {
      secret.from = node.text;
      return true;
    }
    Mistake& mistake = refuse(
        context_, mark, fmt::format("'environment' of secret '{}' must be the name of a variable, alone", secret.name));
    mistake.allowed = "letters, digits and '_', no digit first, such as DB_PASSWORD";
    return false;
  }

  Context& context_;
  Draft& draft_;
};

class GrantedReader {
 public:
  GrantedReader(Context& context, ServiceDraft& service) : context_(context), service_(service) {}

  void read(const Node& node) {
    SecretDraft draft{.source = {"", node.mark}};
    draft.granted.position = context_.report.position(node.mark);
    const std::string what = fmt::format("a secret of service '{}'", service_.service.name);
    if (node.kind == Node::Kind::map) {
      Fields fields(context_, node, Section::granted_secret, what);
      fields.require("source", "the name of a secret of the manifest");
      if (auto source = fields.text("source")) draft.source = std::move(*source);
      draft.granted.target = draft.source.value;
      fields.read_text_into("target", draft.granted.target);
      read_env(fields, draft.granted);
      read_signal(fields, draft.granted);
      read_mode(fields, draft.granted);
    } else {
      auto text = read_text(context_, node, what);
      if (!text) return;
      draft.source = std::move(*text);
      draft.granted.target = draft.source.value;
    }
    if (!draft.source.value.empty() && check_target(node, draft.granted)) service_.secrets.push_back(std::move(draft));
  }

 private:
  bool check_target(const Node& node, const GrantedSecret& granted) {
    if (granted.target.find('/') != std::string::npos) {
      Mistake& mistake = refuse(context_, node.mark, fmt::format("'{}' is no name below /run/secrets", granted.target));
      mistake.help.emplace_back("every secret is a file, or a directory, of /run/secrets: write its name alone");
      return false;
    }
    return check_secret_name(context_, node.mark, granted.target, "the name of a secret");
  }

  void read_env(const Fields& fields, GrantedSecret& granted) {
    fields.read_text_into("env", granted.env);
    if (granted.env.empty()) return;
    bool taken = granted.env == "PORT" || granted.env.starts_with("BULKHEAD_");
    if (taken || !is_variable_name(granted.env)) {
      refuse_value(context_, *fields.find("env"), fields.what("env"), "the name of a variable",
                   "letters, digits and '_', no digit first; PORT and BULKHEAD_... are the platform's");
    }
  }

  void read_signal(const Fields& fields, GrantedSecret& granted) {
    auto text = fields.text("signal");
    if (!text) return;
    std::string_view name = text->value;
    if (name.starts_with("SIG")) name.remove_prefix(3);
    if (std::ranges::find(kSignals, name) == kSignals.end()) {
      return refuse_value(context_, *fields.find("signal"), fields.what("signal"), "a signal",
                          fmt::format("{}", fmt::join(kSignals, ", ")));
    }
    granted.signal = name;
    if (granted.env.empty()) return;
    refuse(context_, fields.mark("signal"), fmt::format("{} comes with 'env'", fields.what("signal")))
        .help.emplace_back("a running program's environment cannot change: without 'signal' it is replaced");
  }

  // Octal, as chmod has it. More than these would let nobody else in, and let nobody do more.
  void read_mode(const Fields& fields, GrantedSecret& granted) {
    auto text = fields.text("mode");
    if (!text) return;
    std::string_view digits = text->value;
    if (digits.starts_with('0')) digits.remove_prefix(1);
    if (digits == "400")
      granted.mode = 0400;
    else if (digits == "440")
      granted.mode = 0440;
    else if (digits == "444")
      granted.mode = 0444;
    else
      refuse_value(context_, *fields.find("mode"), fields.what("mode"), "a mode in which it can be read alone",
                   "0400, 0440, 0444");
  }

  Context& context_;
  ServiceDraft& service_;
};

void refuse_unknown(Context& context, const Draft& draft, const Text& name) {
  Mistake& mistake =
      context.report.add(name.mark, "no-such-secret", fmt::format("no secret is named '{}'", name.value));
  std::vector<std::string> names;
  for (const Secret& each : draft.application.secrets) names.push_back(each.name);
  mistake.did_you_mean = nearest(name.value, names);
  if (!names.empty()) mistake.allowed = fmt::format("{}", fmt::join(names, ", "));
  mistake.help.push_back(
      fmt::format("say where it comes from, at the top of the manifest: secrets: {{{}: {{file: PATH}}}}", name.value));
}

// Reports what two secrets, or a secret and a variable, would both be.
bool is_free(Context& context, const Service& service, const SecretDraft& draft) {
  const GrantedSecret& granted = draft.granted;
  const std::string owner = fmt::format("service '{}'", service.name);
  if (std::ranges::find(service.secrets, granted.target, &GrantedSecret::target) != service.secrets.end()) {
    refuse(context, draft.source.mark, fmt::format("two secrets of {} are /run/secrets/{}", owner, granted.target))
        .help.emplace_back("give one of them another 'target'");
    return false;
  }
  if (granted.env.empty()) return true;
  bool variable = std::ranges::find(service.environment, granted.env, &Variable::name) != service.environment.end();
  bool other = std::ranges::find(service.secrets, granted.env, &GrantedSecret::env) != service.secrets.end();
  if (!variable && !other) return true;
  refuse(context, draft.source.mark, fmt::format("'{}' of {} is set twice", granted.env, owner))
      .help.emplace_back(variable ? "remove it from 'environment' or 'env_file'" : "give one of them another 'env'");
  return false;
}

}  // namespace

void read_secrets(Context& context, const Node& node, Draft& draft) {
  if (node.kind != Node::Kind::map) {
    context.report.add(node.mark, "bad-value", "'secrets' must be a map of names to where they come from").allowed =
        fmt::format("name: {}", kSources);
    return;
  }
  SecretReader reader(context, draft);
  for (const Entry& entry : node.entries) reader.read(entry);
}

void read_granted_secrets(Context& context, const Node& node, ServiceDraft& service) {
  const std::string what = fmt::format("'secrets' of service '{}'", service.service.name);
  if (node.kind == Node::Kind::null) return;
  if (node.kind != Node::Kind::list) return refuse_value(context, node, what, "a list", kGranted);
  GrantedReader reader(context, service);
  for (const NodePtr& item : node.items) reader.read(*item);
}

void resolve_secrets(Context& context, const Draft& draft, ServiceDraft& service) {
  for (SecretDraft& each : service.secrets) {
    auto secret = std::ranges::find(draft.application.secrets, each.source.value, &Secret::name);
    if (secret == draft.application.secrets.end()) {
      refuse_unknown(context, draft, each.source);
      continue;
    }
    each.granted.secret = *secret;
    if (secret->source == Secret::Source::directory && !each.granted.env.empty()) {
      refuse(context, each.source.mark, fmt::format("'{}' is a directory, which no variable holds", secret->name))
          .help.emplace_back("remove 'env', or declare the file that is meant as a secret of its own");
      continue;
    }
    if (is_free(context, service.service, each)) service.service.secrets.push_back(each.granted);
  }
}

}  // namespace bulkhead::manifest
