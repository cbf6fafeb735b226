#include "scaffold/secrets.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "manifest/interpolate.hpp"
#include "manifest/secret.hpp"
#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

std::string path_for(const std::string& name) { return "./secrets/" + name; }

// The secret `name` with that content: where another one has the name, nothing.
bool declare(Plan& plan, const std::string& name, const std::string& content, const std::string& why) {
  auto taken = std::ranges::find(plan.secrets, name, &SecretPlan::name);
  if (taken != plan.secrets.end()) {
    auto file = std::ranges::find(plan.secret_files, path_for(name), &SecretFilePlan::path);
    return file != plan.secret_files.end() && file->content == content;
  }
  plan.secrets.push_back({name, "file", path_for(name), why});
  plan.secret_files.push_back({path_for(name), content});
  return true;
}

}  // namespace

void take_out_secrets(Plan& plan) {
  for (ServicePlan& service : plan.services) {
    std::erase_if(service.environment, [&](const VariablePlan& variable) {
      auto value = manifest::interpolate(variable.value, [](std::string_view) { return std::optional<std::string>(); });
      if (!value || manifest::written_secret(variable.name, *value).empty()) return false;
      std::string name = lower(variable.name);
      if (!declare(plan, name, *value, "init wrote it: keep it out of the repository")) {
        name = fmt::format("{}_{}", service.name, name);
        if (!declare(plan, name, *value, "init wrote it: keep it out of the repository")) return false;
      }
      service.secrets.push_back({name, "", variable.name, ""});
      return true;
    });
  }
}

}  // namespace bulkhead::scaffold
