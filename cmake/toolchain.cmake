# Compiler flags that every target of ours shares.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wextra-semi -Wconversion -Wno-sign-conversion
                    -Wno-missing-field-initializers -fno-strict-aliasing -fstack-protector-strong)
if(BULKHEAD_WERROR)
  add_compile_options(-Werror)
endif()
add_link_options(-fuse-ld=lld -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--build-id=sha1)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
# The release build knows which code is hot. Names of static functions are then the same wherever the sources lie.
set(static_names "SHELL:-mllvm -static-func-full-module-prefix=false")
if(BULKHEAD_RECORD_PROFILE)
  add_compile_options(-fprofile-generate ${static_names})
  add_link_options(-fprofile-generate)
elseif(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  set(hot ${CMAKE_SOURCE_DIR}/cmake/hot.proftext)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${hot})
  file(SHA256 ${hot} hash)
  string(SUBSTRING ${hash} 0 12 hash)
  set(indexed ${CMAKE_BINARY_DIR}/hot-${hash}.profdata)  # another profile is another command line, so that all is compiled again
  find_program(LLVM_PROFDATA llvm-profdata-19 REQUIRED)
  execute_process(COMMAND ${LLVM_PROFDATA} merge -o ${indexed} ${hot} COMMAND_ERROR_IS_FATAL ANY)
  add_compile_options(-fprofile-use=${indexed} ${static_names} -Wno-backend-plugin)  # it warns of functions that changed since
endif()
if(BULKHEAD_SANITIZE)
  # Not vptr: its check opens a descriptor, and tests that run out of descriptors would fail by the check itself. Not object-size, which
  # finds little of what address does not and costs a sixth of the compiling.
  add_compile_options(-fsanitize=${BULKHEAD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -fno-sanitize=vptr,object-size)
  add_link_options(-fsanitize=${BULKHEAD_SANITIZE})
endif()
if(BULKHEAD_SANITIZE MATCHES address)
  add_compile_options(-fsanitize-address-outline-instrumentation)  # a fourth less to compile; what runs waits more than it computes
endif()
if(BULKHEAD_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
find_program(CCACHE ccache)
if(CCACHE)
  # What ccache needs to reuse objects made with precompiled headers.
  set(CCACHE ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()
