// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_PORTABILITY_DETERMINISTIC_BYTES_H_
#define JOIST_PORTABILITY_DETERMINISTIC_BYTES_H_

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message_lite.h>

#include <string>

namespace joist::portability {

/// The same bytes for equal messages of this process, whatever order their maps have.
inline std::string DeterministicBytes(const ::google::protobuf::MessageLite& message) {
  std::string bytes;
  ::google::protobuf::io::StringOutputStream stream(&bytes);
  ::google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_DETERMINISTIC_BYTES_H_
