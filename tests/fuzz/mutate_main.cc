// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The main of a fuzzer where libFuzzer isn't: `x_fuzz [--seconds=N] [--seed=S] [file or folder …]`
// runs LLVMFuzzerTestOneInput on the given files, then for N seconds on random changes of them,
// always the same for the same seed as far as the time goes. No coverage guides it: it holds what
// is known, `./dev fuzz` finds what is new. An input that crashes is left in ./crash-input.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
// AddressSanitizer ends the program itself, without a signal.
// NOLINTNEXTLINE(bugprone-reserved-identifier): the name is AddressSanitizer's.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

using Input = std::vector<uint8_t>;

constexpr size_t kLongestInput = 4096;

const Input* running = nullptr;

// Async-signal-safe.
void SaveRunningInput() {
  if (running == nullptr) return;
  int file = open("crash-input", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0) return;
  const char* outcome =
      write(file, running->data(), running->size()) == static_cast<ssize_t>(running->size())
          ? "the input that failed is in ./crash-input\n"
          : "the input that failed could not be written\n";
  close(file);
  if (write(STDERR_FILENO, outcome, std::char_traits<char>::length(outcome)) < 0) return;
}

void OnSignal(int signal) {
  SaveRunningInput();
  std::signal(signal, SIG_DFL);
  raise(signal);
}

void Run(const Input& input) {
  running = &input;
  // An exact copy on the heap, so that a sanitizer sees a read past its end.
  Input exact(input.begin(), input.end());
  exact.shrink_to_fit();
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  running = nullptr;
}

std::vector<Input> ReadCorpus(const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> files;
  for (const std::string& path : paths) {
    if (std::filesystem::is_directory(path)) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
        if (entry.is_regular_file()) files.push_back(entry.path());
      }
    } else {
      files.emplace_back(path);
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<Input> corpus = {Input{}};
  for (const auto& path : files) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "cannot read %s\n", path.c_str());
      std::exit(2);
    }
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  // One to eight changes of a random member of `corpus`.
  Input Change(const std::vector<Input>& corpus) {
    Input input = corpus[Below(corpus.size())];
    for (uint64_t changes = 1 + Below(8); changes > 0; --changes) ChangeOnce(corpus, &input);
    if (input.size() > kLongestInput) input.resize(kLongestInput);
    return input;
  }

 private:
  static constexpr std::array<uint8_t, 12> kTelling = {0,    1,    '\n', '\r', ' ',  '"',
                                                       0x7f, 0x80, 0xc2, 0xf0, 0xfe, 0xff};

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  uint8_t Byte() {
    return Below(2) == 0 ? kTelling[Below(kTelling.size())] : static_cast<uint8_t>(Below(256));
  }

  void ChangeOnce(const std::vector<Input>& corpus, Input* input) {
    const auto at = static_cast<ptrdiff_t>(Below(input->size() + 1));
    const size_t rest = input->size() - static_cast<size_t>(at);
    switch (Below(6)) {
      case 0:  // Insert a few bytes, or many of the same.
        if (Below(4) == 0) {
          input->insert(input->begin() + at, Below(64), Byte());
        } else {
          for (uint64_t count = 1 + Below(8); count > 0; --count) {
            input->insert(input->begin() + at, Byte());
          }
        }
        break;
      case 1:  // Overwrite.
        if (rest > 0) (*input)[static_cast<size_t>(at)] = Byte();
        break;
      case 2:  // Flip a bit.
        if (rest > 0) (*input)[static_cast<size_t>(at)] ^= static_cast<uint8_t>(1 << Below(8));
        break;
      case 3:  // Remove.
        input->erase(input->begin() + at,
                     input->begin() + at + static_cast<ptrdiff_t>(Below(rest + 1)));
        break;
      case 4: {  // Repeat a part of itself.
        const Input part(input->begin() + at,
                         input->begin() + at + static_cast<ptrdiff_t>(Below(rest + 1)));
        input->insert(input->end(), part.begin(), part.end());
        break;
      }
      case 5: {  // Go on as another member does.
        const Input& other = corpus[Below(corpus.size())];
        input->resize(static_cast<size_t>(at));
        const size_t from = Below(other.size() + 1);
        input->insert(input->end(), other.begin() + static_cast<ptrdiff_t>(from), other.end());
        break;
      }
    }
  }

  std::mt19937_64 random_;
};

// The number behind `--name=`, which `argument` begins with.
uint64_t NumberOf(std::string_view argument) {
  const std::string digits(argument.substr(argument.find('=') + 1));
  char* end = nullptr;
  const uint64_t number = std::strtoull(digits.c_str(), &end, 10);
  if (digits.empty() || *end != '\0') {
    std::fprintf(stderr, "%.*s: not a number\n", static_cast<int>(argument.size()),
                 argument.data());
    std::exit(2);
  }
  return number;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t seconds = 10;
  uint64_t seed = 1;
  std::vector<std::string> paths;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--seconds=")) {
      seconds = NumberOf(argument);
    } else if (argument.starts_with("--seed=")) {
      seed = NumberOf(argument);
    } else if (argument.starts_with("--")) {
      std::fprintf(stderr, "unknown option %s; usage: %s [--seconds=N] [--seed=S] [corpus …]\n",
                   argv[i], argv[0]);
      return 2;
    } else {
      paths.emplace_back(argument);
    }
  }
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(SaveRunningInput);
  for (const int signal : {SIGABRT, SIGFPE, SIGILL}) std::signal(signal, OnSignal);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  std::signal(SIGSEGV, OnSignal);  // Otherwise the sanitizer's own report says more.
#endif

  const std::vector<Input> corpus = ReadCorpus(paths);
  for (const Input& input : corpus) Run(input);

  Mutator mutator(seed);
  uint64_t runs = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (std::chrono::steady_clock::now() < end) {
    for (int i = 0; i < 64; ++i) Run(mutator.Change(corpus));
    runs += 64;
  }
  std::printf("%zu inputs of the corpus and %llu random ones (seed %llu) in %llu s\n",
              corpus.size() - 1, static_cast<unsigned long long>(runs),
              static_cast<unsigned long long>(seed), static_cast<unsigned long long>(seconds));
  return 0;
}
