#include "scaffold/compose.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "scaffold/compose_draft.hpp"
#include "scaffold/finish.hpp"
#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

namespace {

constexpr std::size_t kMostServices = 1000;

class ComposeReader {
 public:
  ComposeReader(const ComposeInput& input, const Node& file, Plan& plan)
      : file_(file), plan_(plan), context_(input, plan) {}

  Result<> run() {
    context_.check_keys(nullptr, file_, ComposePart::file, "");
    check_sources("secrets", ComposePart::secret_source);
    check_sources("configs", ComposePart::config_source);
    name_application();
    const Node* services = find(file_, "services");
    if (!services || services->kind != Node::Kind::map || services->entries.empty())
      return fail(Cause::invalid, "{} has no 'services': nothing to convert", context_.place(1));
    if (services->entries.size() > kMostServices)
      return fail(Cause::invalid, "{} has more than {} services", context_.place(1), kMostServices);
    for (const manifest::Entry& entry : services->entries) begin(entry);
    for (ComposeService& service : services_) read(service);
    connect(context_, services_);
    open_gateway(context_, services_);
    for (ComposeService& service : services_)
      if (!service.is_dropped) plan_.services.push_back(std::move(service.plan));
    if (plan_.services.empty()) return fail(Cause::invalid, "{} has no service that can run here", context_.place(1));
    ask_for_variables();
    return {};
  }

 private:
  void name_application() {
    const Node* name = find(file_, "name");
    plan_.app =
        name_for(name && name->kind == Node::Kind::scalar ? context_.value(*name) : context_.input().folder.name);
  }

  void begin(const manifest::Entry& entry) {
    ComposeService service;
    service.original = entry.key;
    service.node = entry.value.get();
    service.line = entry.mark.line;
    std::string wanted = wanted_name(entry);
    std::string name = wanted;
    for (int i = 2;
         name == "localhost" ||
         std::ranges::any_of(services_, [&](const ComposeService& other) { return other.plan.name == name; });
         ++i)
      name = fmt::format("{}-{}", wanted.substr(0, 58), i);
    service.plan.name = name;
    if (name != entry.key)
      context_.leave_out(
          service, "services", service.line,
          fmt::format("'{}' is called '{}': a name has lower-case letters, digits and '-'", entry.key, name));
    context_.add_name(entry.key, name);
    context_.add_name(name, name);
    services_.push_back(std::move(service));
  }

  // Its key, or another name that it has for its peers where the key can be none here.
  std::string wanted_name(const manifest::Entry& entry) const {
    std::string name = name_for(entry.key);
    if (name == entry.key) return name;
    for (std::string_view key : {"hostname", "container_name"}) {
      const Node* other = find(*entry.value, key);
      std::string text = other && other->kind == Node::Kind::scalar ? context_.value(*other) : "";
      bool free = !text.empty() && !find(*find(file_, "services"), text);
      if (free && name_for(text) == text) return text;
    }
    return name;
  }

  void check_sources(std::string_view key, ComposePart part) {
    const Node* sources = find(file_, key);
    if (!sources) return;
    for (const manifest::Entry& entry : sources->entries)
      context_.check_keys(nullptr, *entry.value, part, fmt::format("{}.{}.", key, entry.key));
  }

  void read(ComposeService& service) {
    const Node& node = *service.node;
    context_.check_keys(&service, node, ComposePart::service, "");
    if (const Node* image = find(node, "image"); image && image->kind == Node::Kind::scalar) {
      service.image_text = context_.text(*image);
      service.image = image_of(context_.value(*image));
    }
    share_build(service);
    read_names(service);
    read_dependencies(service);
    read_environment(context_, service);
    read_volumes(context_, service);
    read_configs(context_, service, file_);
    read_secrets(context_, service, file_);
    settle_paths(context_, service);
    read_ports(context_, service);
    read_bounds(context_, service);
    read_health(context_, service);
    read_program(context_, service);
    drop_needless_mounts(context_, service);
  }

  // An image that another service of the file builds.
  void share_build(ComposeService& service) {
    if (service.image.kind != ImageKind::unknown || service.image_text.empty() || find(*service.node, "build")) return;
    for (const ComposeService& other : services_) {
      const Node* image = find(*other.node, "image");
      const Node* build = find(*other.node, "build");
      if (image && build && context_.text(*image) == service.image_text) service.build = build;
    }
  }

  // Other names by which peers call it.
  void read_names(ComposeService& service) {
    for (std::string_view key : {"container_name", "hostname"})
      if (const Node* name = find(*service.node, key); name && name->kind == Node::Kind::scalar) {
        std::string text = context_.value(*name);
        context_.add_name(text, service.plan.name);
        if (text != service.plan.name)
          context_.leave_out(service, std::string(key), name->mark.line,
                             "a service has the name of its key; addresses in the environment are changed to it");
      }
    const Node* networks = find(*service.node, "networks");
    if (!networks) return;
    for (const manifest::Entry& entry : networks->entries) {
      context_.check_keys(&service, *entry.value, ComposePart::network, "networks." + entry.key + ".");
      if (const Node* aliases = find(*entry.value, "aliases"))
        for (const Node* alias : items_of(*aliases)) context_.add_name(context_.value(*alias), service.plan.name);
    }
  }

  void read_dependencies(ComposeService& service) {
    if (const Node* links = find(*service.node, "links"))
      for (const Node* item : items_of(*links)) {
        std::string text = context_.value(*item);
        std::size_t colon = text.find(':');
        std::string name = name_of(text.substr(0, colon));
        if (colon != std::string::npos) context_.add_name(text.substr(colon + 1), name);
        service.links.push_back(name);
      }
    const Node* node = find(*service.node, "depends_on");
    if (!node) return;
    for (const NodePtr& item : node->items) depend(service, context_.value(*item), "started", item->mark.line);
    for (const manifest::Entry& entry : node->entries) {
      context_.check_keys(&service, *entry.value, ComposePart::dependency, "depends_on." + entry.key + ".");
      const Node* condition = find(*entry.value, "condition");
      std::string text = condition ? condition->text : "";
      depend(service, entry.key,
             text == "service_healthy"                  ? "ready"
             : text == "service_completed_successfully" ? "done"
                                                        : "started",
             entry.mark.line);
    }
  }

  void depend(ComposeService& service, const std::string& other, const std::string& condition, int line) {
    std::string name = name_of(other);
    service.dependencies.insert_or_assign(name, condition);
    service.dependency_lines.insert_or_assign(name, line);
  }

  std::string name_of(const std::string& original) const {
    for (const ComposeService& each : services_)
      if (each.original == original) return each.plan.name;
    return name_for(original);
  }

  void ask_for_variables() {
    const auto& wanted = context_.variables_wanted();
    if (wanted.empty()) return;
    std::vector<std::string> names(wanted.begin(), wanted.end());
    std::string file = join_path(context_.input().from_manifest, ".env");
    plan_.add_edit({"", "",
                    fmt::format("{} of .env looks secret and is not copied: set it before each 'bulkhead up'",
                                joined(names, ", ")),
                    fmt::format("set -a; . {}; set +a", contains(file, "/") ? file : "./" + file), ""});
  }

  const Node& file_;
  Plan& plan_;
  ComposeContext context_;
  std::vector<ComposeService> services_;
};

}  // namespace

Result<Plan> read_compose(const ComposeInput& input) {
  manifest::Tree tree = manifest::read_tree(input.text);
  if (!tree.mistakes.empty()) {
    const manifest::TreeMistake& first = tree.mistakes.front();
    return fail(Cause::invalid, "{}:{}:{}: {}{}", input.file, first.mark.line, first.mark.column, first.message,
                first.help.empty() ? "" : "; " + first.help);
  }
  if (!tree.root || tree.root->kind != Node::Kind::map)
    return fail(Cause::invalid, "{} is no Compose file: it has no keys", input.file);
  Plan plan;
  plan.head = fmt::format("Made from {} by `bulkhead init`; a comment says where each guess was seen.", input.file);
  ComposeReader reader(input, *tree.root, plan);
  if (auto done = reader.run(); !done) return fail(done.error());
  finish(plan, input.host);
  return plan;
}

}  // namespace bulkhead::scaffold
