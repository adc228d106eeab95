// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/files/glob.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

#include "joist/io/files/file_writer.h"

namespace joist::files {
namespace {

constexpr size_t kMostBracePatterns = 10'000;

bool HasWildcard(std::string_view pattern) {
  return pattern.find_first_of("*?[\\") != std::string_view::npos;
}

// The set at the beginning of `pattern` ("[a-c]"): its size, and whether it holds `c`. Nothing if
// the bracket is never closed; it then stands for itself.
struct SetMatch {
  size_t size;
  bool holds;
};
std::optional<SetMatch> MatchSet(std::string_view pattern, char c) {
  size_t i = 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool holds = false;
  for (size_t first = i; i < pattern.size(); ++i) {
    if (pattern[i] == ']' && i > first) return SetMatch{i + 1, holds != negated && c != '/'};
    const unsigned char low = static_cast<unsigned char>(pattern[i]);
    unsigned char high = low;
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      high = static_cast<unsigned char>(pattern[i + 2]);
      i += 2;
    }
    const unsigned char byte = static_cast<unsigned char>(c);
    holds |= low <= byte && byte <= high;
  }
  return std::nullopt;
}

// The bytes of the UTF-8 character at the beginning of `text`: "?" stands for a character.
size_t CharacterSize(std::string_view text) {
  size_t size = 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) ++size;
  return size;
}

struct DirCloser {
  void operator()(DIR* dir) const { closedir(dir); }
};

// Walks the folders that can hold matches of one pattern without braces.
class Walk {
 public:
  Walk(std::string_view pattern, std::vector<FileInfo>* found) : pattern_(pattern), found_(found) {}

  Status Run() {
    const size_t wildcard = pattern_.find_first_of("*?[\\");
    const size_t slash = pattern_.rfind('/', wildcard);
    const size_t prefix = slash == std::string_view::npos ? 0 : slash + 1;
    return In(std::string(pattern_.substr(0, prefix)), pattern_.substr(prefix));
  }

 private:
  // Matches what lies in `folder` (empty, or with a slash at its end) with `rest` of the pattern.
  Status In(const std::string& folder, std::string_view rest) {
    const size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    const bool deep = segment.find("**") != std::string_view::npos;
    const bool last = slash == std::string_view::npos;
    if (!deep && !HasWildcard(segment)) {
      // A plain name between wildcards need not be searched for.
      const std::string path = folder + std::string(segment);
      if (!last) return In(path + "/", rest.substr(slash + 1));
      Consider(path);
      return OkStatus();
    }
    return ForEachName(folder, [&](const std::string& name) -> Status {
      const std::string path = folder + name;
      if (deep) return Below(path, rest, folder.size());
      if (!Matches(segment, name)) return OkStatus();
      if (last) {
        Consider(path);
        return OkStatus();
      }
      struct stat info;
      const bool is_folder = stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
      return is_folder ? In(path + "/", rest.substr(slash + 1)) : OkStatus();
    });
  }

  // `path` or what lies below it, if the path after its first `skip` bytes matches `rest`.
  Status Below(const std::string& path, std::string_view rest, size_t skip) {
    if (Matches(rest, std::string_view(path).substr(skip))) Consider(path);
    struct stat info;
    if (lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return OkStatus();
    return ForEachName(
        path + "/", [&](const std::string& name) { return Below(path + "/" + name, rest, skip); });
  }

  // Takes `path` if it is a regular file. One that has just gone is none.
  void Consider(const std::string& path) {
    struct stat info;
    if (stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
      found_->push_back({path, static_cast<uint64_t>(info.st_size)});
    }
  }

  template <class F>
  static Status ForEachName(const std::string& folder, F f) {
    const std::unique_ptr<DIR, DirCloser> dir(opendir(folder.empty() ? "." : folder.c_str()));
    if (dir == nullptr) {
      if (errno == ENOENT || errno == ENOTDIR) return OkStatus();
      return FromErrno(errno, "cannot read folder " + (folder.empty() ? "." : folder));
    }
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = readdir(dir.get())) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != ".." && !name.starts_with(kTemporaryPrefix)) {
        names.emplace_back(name);
      }
      errno = 0;
    }
    if (errno != 0) return FromErrno(errno, "cannot read folder " + folder);
    for (const std::string& name : names) JOIST_RETURN_IF_ERROR(f(name));
    return OkStatus();
  }

  std::string_view pattern_;
  std::vector<FileInfo>* found_;
};

}  // namespace

bool Matches(std::string_view pattern, std::string_view path) {
  // Where to go on if what follows the latest star doesn't match: the star takes one more byte.
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;  // Of "*", with the text it begins with.
  size_t star_text = 0;
  size_t deep = std::string_view::npos;  // Of "**", which may take what "*" may not.
  size_t deep_text = 0;
  for (;;) {
    bool fits = false;
    if (p < pattern.size() && pattern[p] == '*') {
      if (p + 1 < pattern.size() && pattern[p + 1] == '*') {
        while (p < pattern.size() && pattern[p] == '*') ++p;
        deep = p;
        deep_text = t;
        star = std::string_view::npos;
      } else {
        star = ++p;
        star_text = t;
      }
      continue;
    }
    if (p == pattern.size()) {
      if (t == path.size()) return true;
    } else if (t < path.size()) {
      if (pattern[p] == '?') {
        fits = path[t] != '/';
        if (fits) {
          t += CharacterSize(path.substr(t));
          ++p;
        }
      } else if (const std::optional<SetMatch> set =
                     pattern[p] == '[' ? MatchSet(pattern.substr(p), path[t]) : std::nullopt) {
        fits = set->holds;
        if (fits) {
          p += set->size;
          ++t;
        }
      } else {
        const bool escaped = pattern[p] == '\\' && p + 1 < pattern.size();
        fits = pattern[p + (escaped ? 1 : 0)] == path[t];
        if (fits) {
          p += escaped ? 2 : 1;
          ++t;
        }
      }
    }
    if (fits) continue;
    if (star != std::string_view::npos && star_text < path.size() && path[star_text] != '/') {
      p = star;
      t = ++star_text;
    } else if (deep != std::string_view::npos && deep_text < path.size()) {
      p = deep;
      t = ++deep_text;
      star = std::string_view::npos;
    } else {
      return false;
    }
  }
}

Result<std::vector<std::string>> ExpandBraces(std::string_view pattern) {
  std::vector<std::string> finished;
  std::vector<std::string> open = {std::string(pattern)};
  while (!open.empty()) {
    if (finished.size() + open.size() > kMostBracePatterns) {
      return InvalidArgument("file pattern " + std::string(pattern) +
                             " stands for more than 10000 patterns");
    }
    const std::string text = std::move(open.back());
    open.pop_back();
    // The first group, its alternatives split at the commas that lie in no inner group.
    size_t begin = std::string::npos;
    size_t depth = 0;
    std::vector<size_t> cuts;
    size_t end = std::string::npos;
    for (size_t i = 0; i < text.size() && end == std::string::npos; ++i) {
      if (text[i] == '\\') {
        ++i;
      } else if (text[i] == '{') {
        if (depth++ == 0) cuts.push_back(begin = i);
      } else if (text[i] == ',' && depth == 1) {
        cuts.push_back(i);
      } else if (text[i] == '}' && depth > 0) {
        --depth;
        if (depth == 0) cuts.push_back(end = i);
      }
    }
    if (depth > 0) {
      return InvalidArgument("file pattern " + std::string(pattern) + " has a { without its }");
    }
    if (begin == std::string::npos) {
      finished.push_back(text);
      continue;
    }
    for (size_t i = cuts.size() - 1; i > 0; --i) {
      open.push_back(text.substr(0, begin) +
                     text.substr(cuts[i - 1] + 1, cuts[i] - cuts[i - 1] - 1) +
                     text.substr(end + 1));
    }
  }
  return finished;
}

Result<std::string> LocalPath(std::string_view path) {
  const size_t colon = path.find("://");
  if (colon == std::string_view::npos ||
      path.substr(0, colon).find('/') != std::string_view::npos) {
    return std::string(path);
  }
  if (path.starts_with("file://")) return std::string(path.substr(7));
  return Status(StatusCode::kUnimplemented,
                std::string(path) + ": files of " + std::string(path.substr(0, colon + 3)) +
                    " cannot be read or written yet; use a path of this machine");
}

Result<std::vector<FileInfo>> Match(std::string_view given, EmptyMatch empty) {
  JOIST_ASSIGN_OR_RETURN(const std::string pattern, LocalPath(given));
  if (pattern.empty()) return InvalidArgument("the file pattern is empty");
  std::vector<FileInfo> found;
  struct stat info;
  if (stat(pattern.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) {
      const std::string_view slash = pattern.ends_with('/') ? "" : "/";
      return InvalidArgument(pattern + " is a folder; to read its files say \"" + pattern +
                             std::string(slash) + "*\"");
    }
    found.push_back({pattern, S_ISREG(info.st_mode) ? static_cast<uint64_t>(info.st_size) : 0});
    return found;
  }
  const int error = errno;
  JOIST_ASSIGN_OR_RETURN(const std::vector<std::string> patterns, ExpandBraces(pattern));
  const bool plain = patterns.size() == 1 && !HasWildcard(patterns[0]);
  if (plain && error != ENOENT) return FromErrno(error, "cannot open " + pattern);
  for (const std::string& one : patterns) {
    if (HasWildcard(one)) {
      JOIST_RETURN_IF_ERROR(Walk(one, &found).Run());
    } else if (stat(one.c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
      found.push_back({one, static_cast<uint64_t>(info.st_size)});
    }
  }
  std::sort(found.begin(), found.end(),
            [](const FileInfo& a, const FileInfo& b) { return a.path < b.path; });
  found.erase(std::unique(found.begin(), found.end()), found.end());
  if (found.empty() && empty == EmptyMatch::kRefuse) {
    return NotFound(plain ? "no such file: " + pattern : "no file matches " + pattern);
  }
  return found;
}

}  // namespace joist::files
