# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# The few rules by which every target of Joist is made. A module's CMakeLists.txt says only what
# it consists of and on what it stands.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -g1")

set(JOIST_MARCH "auto" CACHE STRING "Value of -march; auto takes x86-64-v3 where this machine has it")
set(JOIST_SANITIZE "" CACHE STRING "Value of -fsanitize, e.g. address,undefined")

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(joist_flags INTERFACE)
target_include_directories(joist_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(joist_flags INTERFACE -Wall -Wextra)
find_package(Threads REQUIRED)
target_link_libraries(joist_flags INTERFACE Threads::Threads)

set(joist_march ${JOIST_MARCH})
if(joist_march STREQUAL "auto")
  set(joist_march "")
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64" AND EXISTS /proc/cpuinfo)
    file(STRINGS /proc/cpuinfo cpu_flags REGEX "^flags.* avx2 .*" LIMIT_COUNT 1)
    if(cpu_flags)
      set(joist_march x86-64-v3)
    endif()
  endif()
endif()
if(joist_march)
  target_compile_options(joist_flags INTERFACE -march=${joist_march})
endif()
if(JOIST_SANITIZE)
  target_compile_options(joist_flags INTERFACE -fsanitize=${JOIST_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(joist_flags INTERFACE -fsanitize=${JOIST_SANITIZE})
endif()

# joist_library(NAME SRCS a.cc … DEPS other …): a static library joist_NAME; header-only without SRCS.
function(joist_library NAME)
  cmake_parse_arguments(A "" "" "SRCS;DEPS" ${ARGN})
  if(A_SRCS)
    add_library(joist_${NAME} STATIC ${A_SRCS})
    target_link_libraries(joist_${NAME} PUBLIC joist_flags ${A_DEPS})
  else()
    add_library(joist_${NAME} INTERFACE)
    target_link_libraries(joist_${NAME} INTERFACE joist_flags ${A_DEPS})
  endif()
endfunction()

# joist_test(NAME SRCS a_test.cc … DEPS …): a GoogleTest program, run by ctest as one test.
function(joist_test NAME)
  cmake_parse_arguments(A "" "" "SRCS;DEPS" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${NAME} ${A_SRCS})
  target_link_libraries(${NAME} PRIVATE ${A_DEPS} GTest::gtest GTest::gtest_main GTest::gmock)
  add_test(NAME ${NAME} COMMAND ${NAME})
endfunction()
