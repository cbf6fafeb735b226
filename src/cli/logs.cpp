#include <unistd.h>

#include "cli/commands.hpp"
#include "cli/log_reader.hpp"

namespace bulkhead::cli {

int logs(const Context& context, const LogsOptions& options) {
  const auto places = open_places(context);
  if (!places) return places.error();
  if (::access((places->state + "/logs").c_str(), R_OK) != 0 && errno == EACCES)
    return complain("logs are the launcher's files: only that user and root can read them");
  LogReader reader(places->state + "/logs", options.service, options.lines);
  reader.as_json(context.json);
  reader.print_new();
  if (!reader.found_any() && !options.follow)
    return complain(options.service.empty()
                        ? "no service has written anything yet"
                        : fmt::format("'{}' has not run, or is no service or instance", options.service));
  while (options.follow) {
    ::usleep(100'000);
    reader.print_new();
  }
  return kDone;
}

}  // namespace bulkhead::cli
