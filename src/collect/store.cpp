#include "collect/store.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/fd.hpp"

namespace bulkhead::collect {

namespace {

constexpr std::string_view kPrefix = "window-";
constexpr std::string_view kSuffix = ".db";

// "window-0001790000000000.db": names in the order of time.
std::string name_of(std::int64_t first_ms) { return fmt::format("{}{:016}{}", kPrefix, first_ms, kSuffix); }

std::optional<std::int64_t> first_of(const std::string& name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  const std::string digits = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
  std::int64_t first = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), first);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return first;
}

std::uint64_t size_of(const std::string& path) {
  std::uint64_t size = 0;
  for (const std::string_view suffix : {"", "-wal"}) {
    std::error_code missing;
    const auto bytes = std::filesystem::file_size(path + std::string(suffix), missing);
    if (!missing) size += bytes;
  }
  return size;
}

bool is_sealed(const std::string& path) {
  auto database = Database::open(path, Database::Mode::read);
  if (!database) return false;
  const auto sealed = database->ask("SELECT value FROM facts WHERE name = 'sealed'");
  return sealed && *sealed == 1;
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(StoreOptions options, std::int64_t now_ms) {
  if (auto made = make_directories(options.directory); !made) return fail(std::move(made.error()));
  std::unique_ptr<Store> store(new Store(std::move(options)));
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(store->options_.directory, error))
    if (const auto first = first_of(entry.path().filename().string()))
      store->windows_.push_back({entry.path().string(), *first, false});
  std::ranges::sort(store->windows_, {}, &WindowInfo::first_ms);
  // The newest is gone on with unless it was sealed; one that can't be read is put aside, for a person to look at.
  while (!store->windows_.empty() && !is_sealed(store->windows_.back().path)) {
    WindowInfo& last = store->windows_.back();
    auto window = Window::open(last.path);
    auto positions = window ? window->positions() : Result<Positions>(Positions());
    if (window && positions) {
      store->window_ = std::move(*window);
      store->positions_ = std::move(*positions);
      store->opened_ms_ = last.first_ms;
      last.open = true;
      store->seal_left_over();
      return store;
    }
    const Fault fault = window ? positions.error() : window.error();
    if (fault.cause == Cause::exhausted) return fail(fault);
    std::filesystem::rename(last.path, last.path + ".broken", error);
    store->problems_.push_back(
        fmt::format("{} could not be read and was put aside as {}.broken: {}", last.path, last.path, fault.message));
    store->windows_.pop_back();
  }
  if (!store->windows_.empty()) {
    auto last = Window::open(store->windows_.back().path);
    auto positions = last ? last->positions() : Result<Positions>(Positions());
    if (positions) store->positions_ = std::move(*positions);
  }
  if (auto begun = store->begin_window(now_ms); !begun) return fail(std::move(begun.error()));
  store->seal_left_over();
  return store;
}

Store::~Store() {
  if (sealer_.joinable()) sealer_.join();
}

Result<> Store::begin_window(std::int64_t now_ms) {
  // After the last one, also where the clock was set back.
  const std::int64_t first = windows_.empty() ? now_ms : std::max(now_ms, windows_.back().first_ms + 1);
  auto window = Window::open(options_.directory + "/" + name_of(first));
  if (!window) return fail(std::move(window.error()));
  if (auto begun = window->begin(); !begun) return begun;
  for (const auto& [source, position] : positions_)
    if (auto set = window->set_position(source, position); !set) return set;
  if (auto committed = window->commit(first); !committed) return committed;
  window_ = std::move(*window);
  opened_ms_ = first;
  const std::lock_guard lock(mutex_);
  for (WindowInfo& each : windows_) each.open = false;
  windows_.push_back({window_->path(), first, true});
  return {};
}

void Store::set_kept(const Kept& kept) {
  const std::lock_guard lock(mutex_);
  kept_ = kept;
}

Kept Store::kept() const {
  const std::lock_guard lock(mutex_);
  return kept_;
}

// Where little may be kept stretches are short, so that what is dropped is a part of it.
bool Store::is_full(std::int64_t now_ms) const {
  constexpr std::uint64_t kParts = 4, kOctetsOfSpan = 256;
  const bool old = now_ms - opened_ms_ > options_.window_age.count();
  const std::uint64_t most = std::min(options_.window_spans, kept().most_bytes / kParts / kOctetsOfSpan);
  return window_->spans() >= std::max<std::uint64_t>(most, 1) || (old && window_->spans() > 0);
}

Result<> Store::turn(std::int64_t now_ms) {
  if (is_full(now_ms)) {
    const std::string path = window_->path();
    if (auto begun = begin_window(now_ms); !begun) return begun;
    seal_behind({path});
  }
  const Kept kept = this->kept();
  const std::int64_t horizon = now_ms - kept.age.count();
  // What a window has ends where the next one begins.
  while (windows_.size() > 1 && windows_[1].first_ms < horizon) drop(0);
  while (windows_.size() > 1 && bytes() > kept.most_bytes) drop(0);
  return {};
}

// Whoever was sealing them was ended, or had no room.
void Store::seal_left_over() {
  std::vector<std::string> paths;
  for (const WindowInfo& each : windows_)
    if (!each.open && !is_sealed(each.path)) paths.push_back(each.path);
  if (!paths.empty()) seal_behind(std::move(paths));
}

void Store::seal_behind(std::vector<std::string> paths) {
  if (sealer_.joinable()) sealer_.join();
  sealer_ = std::thread([this, paths = std::move(paths)] {
    for (const std::string& path : paths) {
      const auto sealed = seal(path, options_.window_most_spans, options_.slow.count());
      if (sealed) continue;
      const std::lock_guard lock(mutex_);
      problems_.push_back(fmt::format("sealing {}: {}", path, sealed.error().message));
    }
  });
}

bool Store::make_room() {
  if (windows_.size() < 2) return false;
  drop(0);
  return true;
}

void Store::drop(std::size_t index) {
  const std::string path = windows_[index].path;
  for (const std::string_view suffix : {"", "-wal", "-shm"}) {
    std::error_code gone;
    std::filesystem::remove(path + std::string(suffix), gone);
  }
  const std::lock_guard lock(mutex_);
  windows_.erase(windows_.begin() + static_cast<std::ptrdiff_t>(index));
}

std::uint64_t Store::bytes() const {
  std::uint64_t sum = 0;
  for (const WindowInfo& each : windows_) sum += size_of(each.path);
  return sum;
}

std::vector<WindowInfo> Store::windows() const {
  const std::lock_guard lock(mutex_);
  return windows_;
}

std::vector<std::string> Store::take_problems() {
  const std::lock_guard lock(mutex_);
  return std::exchange(problems_, {});
}

}  // namespace bulkhead::collect
