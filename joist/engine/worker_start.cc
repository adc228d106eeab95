// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Stands in for the C library's __libc_start_main, which calls main. The start-up code of every
// program refers to that symbol, so this file is linked into each that uses Joist. With the worker
// variable set, main is replaced by a function that serves first: static initialisers have run by
// then, so the registry of steps is complete. glibc only, and not for -static.

#include "joist/engine/worker_start.h"

#include <dlfcn.h>
#include <stdlib.h>

namespace {

using Main = int (*)(int, char**, char**);
using StartMain = int (*)(Main, int, char**, Main, void (*)(), void (*)(), void*);

Main user_main = nullptr;

int WorkerMain(int argc, char** argv, char** environment) {
  joist::ServeGraphIfAsked();
  return user_main(argc, argv, environment);
}

bool HasWorkerVariable(char** environment) {
  for (; *environment != nullptr; ++environment) {
    const char* name = joist::kWorkerVariable;
    const char* entry = *environment;
    while (*name != '\0' && *entry == *name) ++name, ++entry;
    if (*name == '\0' && *entry == '=') return true;
  }
  return false;
}

}  // namespace

// NOLINTNEXTLINE(bugprone-reserved-identifier): it is the C library's.
extern "C" __attribute__((visibility("default"))) int __libc_start_main(Main main, int argc,
                                                                        char** argv, Main init,
                                                                        void (*fini)(),
                                                                        void (*rtld_fini)(),
                                                                        void* stack_end) {
  const auto start = reinterpret_cast<StartMain>(dlsym(RTLD_NEXT, "__libc_start_main"));
  // The environment lies behind the arguments; the C library isn't ready for getenv.
  if (HasWorkerVariable(argv + argc + 1)) {
    user_main = main;
    main = WorkerMain;
  }
  return start(main, argc, argv, init, fini, rtld_fini, stack_end);
}
