# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# The few rules by which every target of Joist is made. A module's CMakeLists.txt says only what
# it consists of and on what it stands:
#
#   joist_library(NAME SRCS a.cc … DEPS other …)   a module, part of the installed library
#   joist_test(NAME SRCS a_test.cc … DEPS …)       a GoogleTest program, one test of ctest
#   joist_bench(NAME SRCS a_bench.cc … DEPS …)     a Google Benchmark program; ctest only starts it
#   joist_fuzz(NAME SRCS a_fuzz.cc DEPS …)         a fuzzer; without libFuzzer a test that mutates
#   joist_app(NAME SRCS main.cc … DEPS …)          a program in bin/
#
# SRCS and DEPS of a module may name other modules as joist_NAME and imported targets
# (Package::target), never plain library names: the installed package finds them again by Package.

include_guard(GLOBAL)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
# Asserts stay on in every build; -g1 names functions and lines in reports.
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -g1")
set(CMAKE_CXX_FLAGS_SANITIZE "-O1 -g1")
set(CMAKE_CXX_FLAGS_COVERAGE "-O1 -g1")
# GCC spends an eighth of its time on collecting garbage, unless it may hold 1 GiB before it does.
add_compile_options($<$<CXX_COMPILER_ID:GNU>:--param=ggc-min-heapsize=1048576>)

set(JOIST_MARCH "auto" CACHE STRING
    "Value of -march; auto is x86-64-v3 where this machine has it; empty leaves it to the compiler")
set(JOIST_SANITIZE "" CACHE STRING "Value of -fsanitize, e.g. address,undefined")
option(JOIST_COVERAGE "Count executed lines (gcov)" OFF)
option(JOIST_LIBFUZZER "Build the fuzzers with clang's libFuzzer" OFF)
option(JOIST_UNITY_TESTS
       "Compile several files of a test at once, which halves the time of a cold build" ON)
option(JOIST_TESTS "Build tests, fuzzers and benchmarks" ${PROJECT_IS_TOP_LEVEL})

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# What users of the library need as well as its own files.
set(joist_march ${JOIST_MARCH})
if(joist_march STREQUAL "auto")
  set(joist_march "")
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64" AND EXISTS /proc/cpuinfo)
    file(STRINGS /proc/cpuinfo cpu_flags REGEX "^flags.* avx2 .*bmi2 " LIMIT_COUNT 1)
    if(cpu_flags)
      set(joist_march x86-64-v3)
    endif()
  endif()
endif()

# What only Joist's own files are compiled with.
add_library(joist_flags INTERFACE)
target_include_directories(joist_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(joist_flags INTERFACE -Wall -Wextra
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)  # g++ 12 warns of "text" + std::string (PR 105651).
find_package(Threads REQUIRED)
target_link_libraries(joist_flags INTERFACE Threads::Threads)
if(joist_march)
  target_compile_options(joist_flags INTERFACE -march=${joist_march})
endif()
if(JOIST_SANITIZE)
  target_compile_options(joist_flags INTERFACE
    -fsanitize=${JOIST_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(joist_flags INTERFACE -fsanitize=${JOIST_SANITIZE})
endif()
if(JOIST_COVERAGE)
  target_compile_options(joist_flags INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(joist_flags INTERFACE --coverage)
endif()
if(JOIST_LIBFUZZER)
  target_compile_options(joist_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(JOIST_TESTS)
  find_package(GTest REQUIRED)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  add_custom_target(joist_tests)
  add_custom_target(joist_benchmarks)
  add_custom_target(joist_fuzzers)
endif()

# The name of the folder below joist/ (or of the top folder elsewhere): the label of its tests.
function(joist_module_of OUT)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  string(REGEX REPLACE "^joist/" "" folder "${folder}")
  string(REGEX REPLACE "/.*" "" folder "${folder}")
  set(${OUT} ${folder} PARENT_SCOPE)
endfunction()

# joist_library(NAME SRCS a.cc … DEPS other … [TESTONLY]): the module joist_NAME; header-only
# without SRCS. Every module that isn't TESTONLY is merged into libjoist.a (JoistInstall.cmake).
function(joist_library NAME)
  cmake_parse_arguments(A "TESTONLY" "" "SRCS;DEPS" ${ARGN})
  if(A_SRCS)
    add_library(joist_${NAME} STATIC ${A_SRCS})
    target_link_libraries(joist_${NAME} PUBLIC joist_flags ${A_DEPS})
  else()
    add_library(joist_${NAME} INTERFACE)
    target_link_libraries(joist_${NAME} INTERFACE joist_flags ${A_DEPS})
  endif()
  if(NOT A_TESTONLY)
    set_property(GLOBAL APPEND PROPERTY JOIST_MODULES joist_${NAME})
    set_property(GLOBAL APPEND PROPERTY JOIST_MODULE_DEPS ${A_DEPS})
  endif()
endfunction()

# Registers the program NAME, which belongs to a group (joist_tests …), under <build>/FOLDER.
function(joist_program_of_group NAME GROUP FOLDER)
  file(REMOVE ${CMAKE_BINARY_DIR}/bin/${NAME})
  set_target_properties(${NAME} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/${FOLDER})
  joist_module_of(module)
  add_dependencies(${GROUP} ${NAME})
  if(NOT TARGET ${GROUP}_${module})
    add_custom_target(${GROUP}_${module})
  endif()
  add_dependencies(${GROUP}_${module} ${NAME})
endfunction()

# joist_batches(OUT NAME a.cc …): sets OUT to files of which each includes five of the sources, or to
# the source where there is one. CMake's own unity files name their parts by absolute path, so that
# ccache knows them in one folder only.
function(joist_batches OUT NAME)
  list(LENGTH ARGN count)
  if(count EQUAL 1)
    set(${OUT} ${ARGN} PARENT_SCOPE)
    return()
  endif()
  set(batches)
  set(begin 0)
  while(begin LESS count)
    list(SUBLIST ARGN ${begin} 5 parts)
    set(text "")
    foreach(part ${parts})
      get_filename_component(part ${part} ABSOLUTE)
      cmake_path(RELATIVE_PATH part BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
      string(APPEND text "#include \"${part}\"\n")
    endforeach()
    set(batch ${CMAKE_CURRENT_BINARY_DIR}/${NAME}_${begin}.cc)
    file(CONFIGURE OUTPUT ${batch} CONTENT "${text}" @ONLY)
    list(APPEND batches ${batch})
    math(EXPR begin "${begin} + 5")
  endwhile()
  set(${OUT} ${batches} PARENT_SCOPE)
endfunction()

# joist_test(NAME SRCS a_test.cc … DEPS … [LABELS …]): a GoogleTest program, run by ctest as one
# test. Its labels are its module and LABELS; `slow` and `system` are run only when asked for.
# UNINSTRUMENTED: threads meet in gRPC or DuckDB, which TSan cannot see into; not built for it.
function(joist_test NAME)
  cmake_parse_arguments(A "UNINSTRUMENTED" "" "SRCS;DEPS;LABELS" ${ARGN})
  if(NOT JOIST_TESTS OR (A_UNINSTRUMENTED AND JOIST_SANITIZE STREQUAL "thread"))
    return()
  endif()
  if(JOIST_UNITY_TESTS)
    joist_batches(A_SRCS ${NAME} ${A_SRCS})
  endif()
  add_executable(${NAME} ${A_SRCS})
  # A test is run once and compiled for minutes: the code that it makes of templates is optimised
  # less than users' (the benchmarks compare results of code compiled as theirs).
  target_compile_options(${NAME} PRIVATE $<$<CONFIG:Release>:-O1>)
  if(JOIST_UNITY_TESTS)
    set_target_properties(${NAME} PROPERTIES UNITY_BUILD OFF)
    # GCC takes a batch's parts for headers, whose types in unnamed namespaces are suspect.
    target_compile_options(${NAME} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
  target_link_libraries(${NAME} PRIVATE ${A_DEPS} joist_flags
    GTest::gtest GTest::gtest_main GTest::gmock)
  joist_program_of_group(${NAME} joist_tests tests)
  joist_module_of(module)
  add_test(NAME ${NAME} COMMAND ${NAME})
  set_tests_properties(${NAME} PROPERTIES LABELS "unit;${module};${A_LABELS}" TIMEOUT 300)
endfunction()

# joist_bench(NAME SRCS a_bench.cc … DEPS …): a Google Benchmark program with its main. Its figures
# mean something in the release build alone; ctest starts it once, briefly, to see that it works.
function(joist_bench NAME)
  cmake_parse_arguments(A "" "" "SRCS;DEPS" ${ARGN})
  if(NOT JOIST_TESTS OR JOIST_SANITIZE OR JOIST_COVERAGE OR JOIST_LIBFUZZER)
    return()
  endif()
  find_package(benchmark QUIET)
  if(NOT benchmark_FOUND)
    return()
  endif()
  add_executable(${NAME} ${A_SRCS})
  target_link_libraries(${NAME} PRIVATE ${A_DEPS} joist_flags
    benchmark::benchmark benchmark::benchmark_main)
  joist_program_of_group(${NAME} joist_benchmarks benchmarks)
  joist_module_of(module)
  add_test(NAME ${NAME} COMMAND ${NAME} --benchmark_min_time=0.001)
  set_tests_properties(${NAME} PROPERTIES LABELS "bench;${module}" TIMEOUT 300)
endfunction()

# joist_fuzz(NAME SRCS a_fuzz.cc DEPS … [CORPUS folder]): LLVMFuzzerTestOneInput in SRCS is run by
# libFuzzer in the fuzz preset, elsewhere by tests/fuzz/mutate_main.cc as a test of a few seconds.
function(joist_fuzz NAME)
  cmake_parse_arguments(A "" "CORPUS" "SRCS;DEPS" ${ARGN})
  if(NOT JOIST_TESTS)
    return()
  endif()
  set(corpus)
  if(A_CORPUS)
    get_filename_component(corpus ${A_CORPUS} ABSOLUTE)
  endif()
  add_executable(${NAME} ${A_SRCS})
  target_link_libraries(${NAME} PRIVATE ${A_DEPS} joist_flags)
  joist_program_of_group(${NAME} joist_fuzzers fuzz)
  joist_module_of(module)
  if(JOIST_LIBFUZZER)
    target_link_options(${NAME} PRIVATE -fsanitize=fuzzer)
    if(corpus)  # For ./dev fuzz.
      file(WRITE ${CMAKE_BINARY_DIR}/fuzz/${NAME}.corpus ${corpus})
    endif()
    add_test(NAME ${NAME} COMMAND ${NAME} -max_total_time=2 -seed=1 ${corpus})
  else()
    target_sources(${NAME} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/mutate_main.cc)
    add_dependencies(joist_tests ${NAME})
    if(TARGET joist_tests_${module})
      add_dependencies(joist_tests_${module} ${NAME})
    endif()
    add_test(NAME ${NAME} COMMAND ${NAME} --seconds=2 ${corpus})
  endif()
  set_tests_properties(${NAME} PROPERTIES LABELS "fuzz;${module}" TIMEOUT 300)
endfunction()

# joist_app(NAME SRCS main.cc … DEPS …): a program of apps/ or bench/ in bin/, built against the
# library as its users have it.
function(joist_app NAME)
  cmake_parse_arguments(A "" "" "SRCS;DEPS" ${ARGN})
  add_executable(${NAME} ${A_SRCS})
  target_link_libraries(${NAME} PRIVATE ${A_DEPS} joist::joist joist_flags)
endfunction()
