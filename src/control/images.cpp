#include "control/images.hpp"

#include <charconv>
#include <filesystem>

#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "control/desired.hpp"
#include "control/places.hpp"
#include "net/process.hpp"
#include "policy/model.hpp"

namespace bulkhead::control {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* kSkopeo = "/usr/bin/skopeo";
constexpr const char* kUmoci = "/usr/bin/umoci";
constexpr std::chrono::minutes kPatience{30};
constexpr std::size_t kLeastDigits = 6;
constexpr std::string_view kAlgorithm = "sha256:";
constexpr std::string_view kUnfinished = "new-";

std::string base() { return state_base() + "/.images"; }

// -- programs of the host

std::string content_of(const Fd& file) {
  std::string text(4U << 20U, '\0');
  const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  return text;
}

// The last line of what a program complained about; of skopeo's `time="…" level=fatal msg="…"` the message.
std::string last_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  text = text.substr(text.rfind('\n') + 1);
  constexpr std::string_view kMessage = " msg=\"";
  if (const auto at = text.find(kMessage); at != std::string::npos && text.ends_with('"')) {
    text = text.substr(at + kMessage.size());
    text.pop_back();
    for (std::size_t slash = text.find('\\'); slash != std::string::npos; slash = text.find('\\', slash + 1))
      text.erase(slash, 1);
  }
  return text.size() > 400 ? text.substr(0, 400) + "…" : text;
}

// Runs it to its end; what it printed.
Result<std::string> run(std::vector<std::string> argv) {
  const std::string name = fs::path(argv.front()).filename().string();
  if (::access(argv.front().c_str(), X_OK) != 0)
    return fail(Cause::not_found, "{} is not installed; images need it: sudo apt install skopeo umoci", name);
  const Fd output(::memfd_create("output", MFD_CLOEXEC));
  const Fd errors(::memfd_create("errors", MFD_CLOEXEC));
  if (!output || !errors) return os_fail("memfd_create");
  net::ProcessSpec spec;
  spec.argv = std::move(argv);
  spec.environment = net::own_environment();
  spec.fds = {{output.get(), 1}, {errors.get(), 2}};
  const auto process = net::start_process(spec);
  if (!process) return fail(within(name, process.error()));
  net::Loop loop;
  const auto ended = loop.run(net::wait_exit(loop, process->pidfd, loop.in(kPatience)));
  if (!ended) {
    const auto killed = net::send_signal(process->pidfd, SIGKILL);
    return fail(Cause::timeout, "{} did not end within {} minutes{}", name, kPatience.count(),
                killed ? "" : ", and can not be killed");
  }
  if (!ended->success()) return fail(Cause::invalid, "{} {}: {}", name, ended->text(), last_line(content_of(errors)));
  return content_of(output);
}

// Without a policy of the host's nothing would be copied; with one it holds.
std::vector<std::string> copy_words(const std::string& from, const std::string& to) {
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe)
  const std::string own = std::string(home == nullptr ? "" : home) + "/.config/containers/policy.json";
  std::vector<std::string> words{kSkopeo};
  if (::access(own.c_str(), F_OK) != 0 && ::access("/etc/containers/policy.json", F_OK) != 0)
    words.emplace_back("--insecure-policy");
  words.insert(words.end(), {"copy", "--quiet", from, to});
  return words;
}

Result<std::string> digest_of(const std::string& reference) {
  auto text = run({kSkopeo, "inspect", "--no-tags", "--format", "{{.Digest}}", reference});
  if (!text) return text;
  while (text->ends_with('\n')) text->pop_back();
  const std::string_view digits = std::string_view(*text).substr(std::min(text->size(), kAlgorithm.size()));
  const bool right = text->starts_with(kAlgorithm) && digits.size() == 64 &&
                     digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (!right) return fail(Cause::invalid, "skopeo gave '{}' as the digest of {}", last_line(*text), reference);
  return text;
}

// -- the store

std::string place_of(const std::string& digest) { return base() + "/" + digest.substr(kAlgorithm.size()); }

Result<> save(const StoredImage& image, const std::string& place) {
  const json about{
      {"digest", image.digest}, {"references", image.references}, {"bytes", image.bytes}, {"unpacked", image.unpacked}};
  return write_file_atomically(place + "/image.json", about.dump(2), 0600);
}

Result<StoredImage> read_image(const std::string& place) {
  const auto about = read_file(place + "/image.json", 1U << 20U);
  if (!about) return fail(about.error());
  const auto config_text = read_file(place + "/config.json", 1U << 20U);
  if (!config_text) return fail(config_text.error());
  auto config = parse_image_config(*config_text);
  if (!config) return fail(std::move(config.error()));
  const auto value = policy::read_json(*about);
  if (!value) return fail(value.error());
  try {
    StoredImage image;
    value->at("digest").get_to(image.digest);
    value->at("references").get_to(image.references);
    value->at("bytes").get_to(image.bytes);
    value->at("unpacked").get_to(image.unpacked);
    image.root = place + "/rootfs";
    image.config = std::move(*config);
    return image;
  } catch (const json::exception& error) {
    return fail(Cause::invalid, "{}/image.json is not as expected: {}", place, error.what());
  }
}

// Of processes that ended in the middle of it.
void remove_unfinished() {
  std::error_code error;
  for (const fs::directory_entry& each : fs::directory_iterator(base(), error)) {
    const std::string name = each.path().filename().string();
    if (!name.starts_with(kUnfinished)) continue;
    pid_t pid = 0;
    std::from_chars(name.data() + kUnfinished.size(), name.data() + name.size(), pid);
    std::error_code ignored;
    if (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH) fs::remove_all(each.path(), ignored);
  }
}

// A service is a stranger to these files: it may do what their owner may, but for writing. Gives their size.
Result<std::uint64_t> open_to_services(const std::string& root) {
  std::uint64_t bytes = 0;
  std::error_code error;
  const auto open = [&](const fs::directory_entry& entry) {
    const auto status = entry.symlink_status(error);
    if (error || fs::is_symlink(status)) return;
    fs::perms mode = status.permissions() & ~(fs::perms::set_uid | fs::perms::set_gid);
    if ((mode & fs::perms::owner_read) != fs::perms::none) mode |= fs::perms::others_read;
    if ((mode & fs::perms::owner_exec) != fs::perms::none) mode |= fs::perms::others_exec;
    fs::permissions(entry.path(), mode & ~fs::perms::others_write, error);
    if (fs::is_regular_file(status)) bytes += entry.file_size(error);
  };
  open(fs::directory_entry(root, error));
  for (auto it = fs::recursive_directory_iterator(root, error); !error && it != fs::recursive_directory_iterator();
       it.increment(error))
    open(*it);
  if (error) return fail(Cause::invalid, "the image's files: {}", error.message());
  return bytes;
}

// Everything in `place`, which is nobody's yet.
Result<StoredImage> unpack(const std::string& reference, const std::string& place) {
  const std::string layout = place + "/layout:image";
  if (auto copied = run(copy_words(reference, "oci:" + layout)); !copied) return fail(std::move(copied.error()));
  StoredImage image;
  image.references = {reference};
  auto digest = digest_of("oci:" + layout);
  if (!digest) return fail(std::move(digest.error()));
  image.digest = std::move(*digest);
  const auto text = run({kSkopeo, "inspect", "--config", "--raw", "oci:" + layout});
  if (!text) return fail(text.error());
  auto config = parse_image_config(*text);
  if (!config) return fail(std::move(config.error()));
  image.config = std::move(*config);
  // Rootless: no owner, no device and no set-id bit of the image's comes into being, also where this is root.
  if (auto done = run({kUmoci, "raw", "unpack", "--rootless", "--image", layout, place + "/rootfs"}); !done)
    return fail(std::move(done.error()));
  std::error_code error;
  fs::remove_all(place + "/layout", error);
  auto bytes = open_to_services(place + "/rootfs");
  if (!bytes) return fail(std::move(bytes.error()));
  image.bytes = *bytes;
  image.unpacked =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  if (auto saved = write_file_atomically(place + "/config.json", *text, 0600); !saved) return fail(saved.error());
  if (auto saved = save(image, place); !saved) return fail(saved.error());
  return image;
}

// It gets its name once it is whole. Somebody else may have been faster: then theirs is as good.
Result<StoredImage> fetch(const std::string& reference) {
  if (auto made = make_directories(state_base(), 0711); !made) return fail(std::move(made.error()));
  if (auto made = make_directories(base(), 0700); !made) return fail(std::move(made.error()));
  remove_unfinished();
  const std::string place = fmt::format("{}/{}{}", base(), kUnfinished, ::getpid());
  if (auto made = make_directories(place, 0700); !made) return fail(std::move(made.error()));
  auto image = unpack(reference, place);
  std::error_code ignored;
  if (image && ::rename(place.c_str(), place_of(image->digest).c_str()) != 0 && errno != EEXIST && errno != ENOTEMPTY)
    image = os_fail("keep the image");
  fs::remove_all(place, ignored);
  if (!image) return image;
  return read_image(place_of(image->digest));
}

Result<StoredImage> known_as(StoredImage image, const std::string& reference) {
  if (std::ranges::find(image.references, reference) != image.references.end()) return image;
  image.references.push_back(reference);
  if (auto saved = save(image, place_of(image.digest)); !saved) return fail(std::move(saved.error()));
  return image;
}

// "oci:./images/web:1" of /srv/shop is "oci:/srv/shop/images/web:1".
std::string absolute_reference(const std::string& reference, const std::string& directory) {
  constexpr std::string_view kOci = "oci:";
  if (!reference.starts_with(kOci)) return reference;
  const std::string rest = reference.substr(kOci.size());
  const auto colon = std::min(rest.find(':'), rest.size());
  return std::string(kOci) + (fs::path(directory) / rest.substr(0, colon)).lexically_normal().string() +
         rest.substr(colon);
}

}  // namespace

std::vector<StoredImage> stored_images() {
  std::vector<StoredImage> all;
  std::error_code error;
  for (const fs::directory_entry& each : fs::directory_iterator(base(), error)) {
    if (each.path().filename().string().starts_with(kUnfinished)) continue;
    if (auto image = read_image(each.path().string())) all.push_back(std::move(*image));
  }
  std::ranges::sort(all, {}, &StoredImage::digest);
  return all;
}

Result<StoredImage> obtain_image(const std::string& reference, const std::string& directory,
                                 const std::function<void(std::string_view)>& fetching) {
  const std::string absolute = absolute_reference(reference, directory);
  if (absolute.starts_with("oci:")) {
    // A directory changes under the same name.
    const auto digest = digest_of(absolute);
    if (!digest) return fail(digest.error());
    if (auto image = read_image(place_of(*digest))) return known_as(std::move(*image), absolute);
  } else {
    for (StoredImage& image : stored_images())
      if (std::ranges::find(image.references, absolute) != image.references.end()) return std::move(image);
  }
  fetching(reference);
  auto image = fetch(absolute);
  if (!image) return image;
  return known_as(std::move(*image), absolute);
}

std::vector<std::string> users_of(const StoredImage& image) {
  std::vector<std::string> apps;
  std::error_code error;
  for (const fs::directory_entry& each : fs::directory_iterator(state_base(), error)) {
    const auto text = read_file(each.path().string() + "/desired.json");
    const auto desired = text ? desired_from_json(*text) : fail(text.error());
    if (!desired) continue;
    const bool uses =
        std::ranges::any_of(desired->images, [&](const auto& one) { return one.second.root == image.root; });
    if (uses) apps.push_back(each.path().filename().string());
  }
  std::ranges::sort(apps);
  return apps;
}

Result<StoredImage> remove_image(const std::string& name) {
  const std::string digits = name.starts_with(kAlgorithm) ? name.substr(kAlgorithm.size()) : name;
  std::error_code error;
  const std::string absolute = absolute_reference(name, fs::current_path(error).string());
  std::vector<StoredImage> meant;
  for (StoredImage& image : stored_images()) {
    const bool by_digest = digits.size() >= kLeastDigits && image.digest.substr(kAlgorithm.size()).starts_with(digits);
    const bool by_name = std::ranges::find(image.references, absolute) != image.references.end();
    if (by_digest || by_name) meant.push_back(std::move(image));
  }
  if (meant.empty()) return fail(Cause::not_found, "no image is called '{}'; bulkhead image ls shows them", name);
  if (meant.size() > 1) return fail(Cause::conflict, "'{}' is {} images: name one by its digest", name, meant.size());
  if (const auto apps = users_of(meant.front()); !apps.empty())
    return fail(Cause::conflict, "{} uses it: take it down first", apps.front());
  fs::remove_all(place_of(meant.front().digest), error);
  if (error) return fail(Cause::invalid, "remove {}: {}", place_of(meant.front().digest), error.message());
  return std::move(meant.front());
}

}  // namespace bulkhead::control
