// image ls and image rm; and what `up` does for services that name one.

#include <algorithm>

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/table.hpp"
#include "control/images.hpp"

namespace bulkhead::cli {

using control::StoredImage;
using nlohmann::json;

namespace {

constexpr std::size_t kShownDigits = 12;

std::string short_digest(const StoredImage& image) {
  return image.digest.substr(image.digest.find(':') + 1, kShownDigits);
}

std::string size_text(std::uint64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1U << 20U));
}

manifest::FromImage from(const StoredImage& image) {
  return {image.root, image.config.command, image.config.environment, image.config.start_in, image.config.user};
}

int refuse(const manifest::Service& service, std::string_view why) {
  return complain(fmt::format("{}: service '{}': image {}: {}", manifest::to_string(service.position), service.name,
                              *service.image, why));
}

int unpack_one(const manifest::Service& service, control::Desired& desired) {
  const auto image = control::obtain_image(*service.image, desired.directory,
                                           [](std::string_view what) { say(fmt::format("  fetching {}", what)); });
  if (!image) return refuse(service, image.error().message);
  std::vector<std::string> writable;
  for (const manifest::Mount& mount : service.mounts)
    if (!mount.read_only) writable.push_back(mount.inside);
  int code = kDone;
  for (const std::string& why : control::refusals(image->config, control::own_architecture(), writable))
    code = refuse(service, why);
  if (service.command.empty() && image->config.command.empty())
    code = refuse(service, "it names no program to run: write command: [PROGRAM, ARGUMENT]");
  desired.images[*service.image] = from(*image);
  return code;
}

}  // namespace

int unpack_images(Opened& opened) {
  int code = kDone;
  for (const manifest::Service& service : opened.loaded.application.services) {
    if (!service.image || !opened.desired.selects(service.name)) continue;
    if (const int one = unpack_one(service, opened.desired); one != kDone) code = one;
  }
  return code;
}

int image_list(const Context& context) {
  json list = json::array();
  std::vector<std::vector<Cell>> rows;
  for (const StoredImage& image : control::stored_images()) {
    const auto apps = control::users_of(image);
    list.push_back({{"digest", image.digest},
                    {"references", image.references},
                    {"bytes", image.bytes},
                    {"unpacked", image.unpacked},
                    {"used_by", apps}});
    for (std::size_t i = 0; i < image.references.size(); ++i)
      rows.push_back({{i == 0 ? short_digest(image) : "", Tone::bold},
                      {image.references[i]},
                      {i == 0 ? size_text(image.bytes) : "", Tone::plain, true},
                      {i == 0 ? fmt::format("{}", fmt::join(apps, ", ")) : ""}});
  }
  if (context.json)
    say(list.dump(2));
  else if (rows.empty())
    say("no image is unpacked");
  else
    fmt::print("{}", table({"DIGEST", "IMAGE", "SIZE", "USED BY"}, rows));
  return kDone;
}

int image_remove(const std::string& name) {
  const auto removed = control::remove_image(name);
  if (!removed) return complain(removed.error());
  say(fmt::format("{} is removed, {} are free", short_digest(*removed), size_text(removed->bytes)));
  return kDone;
}

}  // namespace bulkhead::cli
