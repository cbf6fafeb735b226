#include "scaffold/folder.hpp"

#include "scaffold/words.hpp"

namespace bulkhead::scaffold {

const File* Folder::find(std::string_view path) const {
  auto found = files.find(path);
  return found == files.end() ? nullptr : &found->second;
}

std::string_view Folder::text(std::string_view path) const {
  const File* file = find(path);
  return file ? std::string_view(file->text) : std::string_view();
}

bool Folder::has(std::string_view path) const { return files.contains(path) || directories.contains(path); }

std::vector<std::string> Folder::below(std::string_view directory) const {
  std::vector<std::string> paths;
  std::string prefix = directory.empty() ? "" : std::string(directory) + "/";
  for (auto it = files.lower_bound(prefix); it != files.end() && it->first.starts_with(prefix); ++it)
    paths.push_back(it->first);
  return paths;
}

std::vector<std::string> Folder::in(std::string_view directory) const {
  std::vector<std::string> names;
  std::size_t start = directory.empty() ? 0 : directory.size() + 1;
  for (const std::string& path : below(directory)) {
    std::string rest = path.substr(start);
    if (!contains(rest, "/")) names.push_back(std::move(rest));
  }
  return names;
}

std::vector<std::string> Folder::directories_in(std::string_view directory) const {
  std::vector<std::string> names;
  std::string prefix = directory.empty() ? "" : std::string(directory) + "/";
  for (auto it = directories.lower_bound(prefix); it != directories.end() && it->starts_with(prefix); ++it) {
    std::string rest = it->substr(prefix.size());
    if (!rest.empty() && !contains(rest, "/")) names.push_back(std::move(rest));
  }
  return names;
}

void Folder::add(const std::string& path, File file) {
  for (std::string parent = directory_of(path); !parent.empty(); parent = directory_of(parent))
    directories.insert(parent);
  files.insert_or_assign(path, std::move(file));
}

}  // namespace bulkhead::scaffold
