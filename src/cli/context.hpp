#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"
#include "control/desired.hpp"
#include "control/places.hpp"

// What every subcommand is given, and how it says things.
namespace bulkhead::cli {

enum Exit : int { kDone = 0, kFailed = 1, kUsage = 2, kNotRunning = 3, kWentBack = 4 };

struct Context {
  // The manifest's files. Those that -f names; without it bulkhead.yaml and, where it is there, bulkhead.override.yaml.
  std::vector<std::string> files;
  bool named_files = false;            // whether -f did
  std::string file = "bulkhead.yaml";  // the same as they stand behind -f: "bulkhead.yaml -f bulkhead.override.yaml"
  std::vector<std::string> profiles;
  bool json = false;
  std::string executable;  // absolute path of this program
};

// The file that is picked up where -f names none.
inline constexpr const char* kOverride = "bulkhead.override.yaml";

// Text that a terminal shows in colour; plain where standard output is not a terminal or NO_COLOR is set.
enum class Tone { plain, bold, green, yellow, red, dim };
std::string tinted(std::string_view text, Tone tone);
bool has_colours();

void say(std::string_view line);         // standard output
int complain(const Fault& fault);        // standard error; gives kFailed
int complain(std::string_view message);  // likewise

// Fills in what -f did not say; again, as a file may have come or gone.
void choose_files(Context& context);

// The files as a person speaks of them: "bulkhead.yaml with bulkhead.override.yaml".
std::string spoken_files(const Context& context);

// Of files that were read; one that is included twice is one.
std::vector<std::string> file_names(const std::vector<manifest::Source>& sources);

// The manifest read and checked; prints all its mistakes (kUsage) where it has any.
struct Opened {
  control::Desired desired;
  control::Loaded loaded;
};
std::expected<Opened, int> open_manifest(const Context& context);
// The two halves of it.
std::expected<control::Desired, int> read_manifest(const Context& context);
std::expected<Opened, int> check_manifest(const Context& context, control::Desired desired);

// A variable of this process; nothing where it is not set.
std::optional<std::string> own_variable(const std::string& name);

// Where the manifest's application lives. A manifest with mistakes still tells its name, so that what runs can be seen
// and taken down.
std::expected<control::Places, int> open_places(const Context& context);

// Of an application by its name: the manifest may be gone.
std::expected<control::Places, int> places_of_name(const std::string& app);

// Asks the controller; says what is the matter where it does not answer.
std::expected<nlohmann::json, int> ask(const Context& context, const nlohmann::json& request);

// What the controller calls it.
std::string service_name(const std::string& typed);

// Says that nothing is running; gives kNotRunning.
int not_running(const Context& context);

}  // namespace bulkhead::cli
