// Only in builds with a sanitizer: what holds for this program there. Its processes forbid tracing, which the search
// for leaks needs; unit tests search for them.

extern "C" {
const char* __asan_default_options();  // NOLINT(bugprone-reserved-identifier): the sanitizer's names
const char* __asan_default_options() { return "detect_leaks=0"; }  // NOLINT(bugprone-reserved-identifier)
}
