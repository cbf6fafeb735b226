# Headers of others that most sources include, parsed once: one set for libraries, one with GoogleTest for tests. A source still
# includes what it uses (-DBULKHEAD_PCH=OFF builds without them).
set(precompiled <algorithm> <array> <charconv> <chrono> <coroutine> <cstdint> <cstring> <deque> <expected> <filesystem> <functional>
    <map> <memory> <optional> <set> <span> <string> <string_view> <unordered_map> <utility> <variant> <vector> <fmt/format.h>
    <nlohmann/json.hpp>)
# Tests are not optimized, in no build: compiling them took longer than everything else, and what they test is.
set(unoptimized -O0 -U_FORTIFY_SOURCE)
if(BULKHEAD_SANITIZE MATCHES undefined)
  list(APPEND unoptimized -fno-sanitize=undefined)  # the libraries have it
endif()
function(bulkhead_precompile target)
  if(NOT BULKHEAD_PCH)
    return()
  endif()
  if(NOT TARGET bulkhead_pch)
    # Of each kind of target one, as position independence differs between libraries and executables.
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/pch.cpp CONTENT "int main() {}")
    add_library(bulkhead_pch OBJECT ${CMAKE_BINARY_DIR}/pch.cpp)
    target_precompile_headers(bulkhead_pch PRIVATE ${precompiled})
    target_link_libraries(bulkhead_pch PRIVATE fmt::fmt nlohmann_json::nlohmann_json)
    if(BULKHEAD_TESTS)
      add_executable(bulkhead_test_pch ${CMAKE_BINARY_DIR}/pch.cpp)
      target_precompile_headers(bulkhead_test_pch PRIVATE ${precompiled} <gmock/gmock.h> <gtest/gtest.h>)
      target_compile_options(bulkhead_test_pch PRIVATE ${unoptimized})
      target_link_libraries(bulkhead_test_pch PRIVATE fmt::fmt nlohmann_json::nlohmann_json GTest::gmock)
    endif()
  endif()
  target_precompile_headers(${target} REUSE_FROM bulkhead_${ARGN})
endfunction()

# bulkhead_module(<name> [TOGETHER] [LINK <modules of ours>] [USE <libraries of others>])
#
# One folder of src/ is one static library `bulkhead_<name>`. Its sources are every .cpp beside the call, its tests every
# *_test.cpp (one executable `<name>_test`), its fuzz targets every *_fuzz.cpp (an executable each, with -DBULKHEAD_FUZZ=ON).
function(bulkhead_module name)
  cmake_parse_arguments(arg "TOGETHER" "" "LINK;USE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  file(GLOB tests CONFIGURE_DEPENDS *_test.cpp)
  file(GLOB fuzzers CONFIGURE_DEPENDS *_fuzz.cpp)
  list(REMOVE_ITEM sources ${tests} ${fuzzers} "")
  list(TRANSFORM arg_LINK PREPEND bulkhead_)
  if(sources)
    add_library(bulkhead_${name} STATIC ${sources})
    target_include_directories(bulkhead_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(bulkhead_${name} PUBLIC ${arg_LINK} ${arg_USE})
    bulkhead_precompile(bulkhead_${name} pch)
    # What sources share (containers of manifests, JSON, formats) costs more to compile than what is theirs, and a sanitizer most. So
    # names in anonymous namespaces differ within a module. The data plane stays apart: its profile names functions by their files.
    if(BULKHEAD_TOGETHER AND (BULKHEAD_SANITIZE OR arg_TOGETHER))
      set_target_properties(bulkhead_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${BULKHEAD_TOGETHER})
      target_compile_options(bulkhead_${name} PRIVATE -Wno-shadow)  # of a name in another file
    endif()
  else()
    add_library(bulkhead_${name} INTERFACE)
    target_include_directories(bulkhead_${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(bulkhead_${name} INTERFACE ${arg_LINK} ${arg_USE})
  endif()
  if(BULKHEAD_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE bulkhead_${name} GTest::gmock GTest::gtest_main)
    target_compile_options(${name}_test PRIVATE ${unoptimized})
    target_compile_definitions(${name}_test PRIVATE BULKHEAD_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    bulkhead_precompile(${name}_test test_pch)
    gtest_discover_tests(${name}_test TEST_PREFIX ${name}. DISCOVERY_TIMEOUT 300 PROPERTIES TIMEOUT 300)
  endif()
  if(BULKHEAD_FUZZ)
    foreach(fuzzer ${fuzzers})
      get_filename_component(target ${fuzzer} NAME_WE)
      add_executable(${target} ${fuzzer})
      target_link_libraries(${target} PRIVATE bulkhead_${name} -fsanitize=fuzzer)
    endforeach()
  endif()
endfunction()
