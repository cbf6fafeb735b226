#include "manifest/draft.hpp"

namespace bulkhead::manifest {

void read_when(Context& context, const Fields& fields, std::optional<When>& into, ResilienceDraft& draft) {
  auto text = fields.text("when");
  if (!text) return;
  draft.of_requests.push_back({"when", fields.mark("when")});
  auto condition = compile_when(text->value);
  if (condition) {
    into.emplace(When{text->value, context.report.position(text->mark), std::move(*condition)});
    return;
  }
  // Where the text is written over several lines, its beginning has to do.
  const conditions::Mistake& mistake = condition.error();
  const std::string_view before = std::string_view(text->value).substr(0, mistake.offset);
  const bool one_line = text->value.find('\n') == std::string::npos;
  context.report
      .add(one_line ? after(text->mark, before) : text->mark, "condition",
           fmt::format("{} is no condition: {}", fields.what("when"), mistake.message))
      .help.push_back("conditions are in the Common Expression Language: when: 'request.path.startsWith(\"/v2/\")'");
}

}  // namespace bulkhead::manifest
