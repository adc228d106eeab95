// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/test_stream_form.h"

#include <gtest/gtest.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <string>
#include <vector>

namespace joist::portability {
namespace {

constexpr std::string_view kGoOwn = "beam:go:coder:custom:v1";

class TestStreamFormTest : public testing::Test {
 protected:
  TestStreamFormTest() {
    (*components_.mutable_environments())["sdk"].add_capabilities(std::string(kVarintCoder));
    Put("bytes", kBytesCoder);
    Put("text", kStringCoder);
    Put("number", kVarintCoder);
    Put("own", "my:own:v1");
    Put("go", kGoOwn);
  }
  void Put(const std::string& id, std::string_view urn,
           const std::vector<std::string>& parts = {}) {
    pipeline::Coder& coder = (*components_.mutable_coders())[id];
    coder.mutable_spec()->set_urn(std::string(urn));
    for (const std::string& part : parts) coder.add_component_coder_ids(part);
  }
  std::string Spelled(const std::string& id) const {
    const pipeline::Coder& coder = components_.coders().at(id);
    std::string text = MakeCoderSpec(coder.spec().urn()).ToString();
    for (int i = 0; i < coder.component_coder_ids_size(); ++i) {
      text += (i == 0 ? "<" : ", ") + Spelled(coder.component_coder_ids(i));
    }
    return coder.component_coder_ids_size() == 0 ? text : text + ">";
  }
  /// What the SDK reads `element` by, and its bytes.
  std::string Form(const std::string& coder, const std::string& element) {
    RunnerCoders coders(&components_);
    const Result<TestStreamForm> form = TestStreamForm::Of(coder, components_, &coders);
    if (!form.ok()) return form.status().message();
    const Result<std::string> encoded = form->Encode(element);
    if (!encoded.ok()) return encoded.status().message();
    // What comes of it is something that the runner can follow.
    const std::string with = coders.WithLengths(form->coder_id()).value();
    ByteReader reader(*encoded);
    EXPECT_TRUE(coders.Wire(with)->Skip(&reader)) << reader.error();
    EXPECT_EQ(reader.remaining(), 0U);
    return Spelled(form->coder_id()) + ": " + *encoded;
  }

  pipeline::Components components_;
};

TEST_F(TestStreamFormTest, ALengthWhereNothingElseTellsTheEnd) {
  EXPECT_EQ(Form("number", "\x07"), "varint: \x07");
  EXPECT_EQ(Form("own", "abc"), "length_prefix<my:own:v1>: \3abc");
  // As whole values they have none of their own.
  EXPECT_EQ(Form("bytes", "abc"), "length_prefix<bytes>: \3abc");
  EXPECT_EQ(Form("text", ""), "length_prefix<string_utf8>: " + std::string(1, '\0'));
}

TEST_F(TestStreamFormTest, OfAPairTheValueEndsWithTheElement) {
  Put("pair", kKvCoder, {"bytes", "text"});
  EXPECT_EQ(Form("pair", "\1kvalue"), "kv<bytes, length_prefix<string_utf8>>: \1k\5value");
  Put("own_value", kKvCoder, {"number", "own"});
  EXPECT_EQ(Form("own_value", "\7v"), "kv<varint, length_prefix<my:own:v1>>: \7\1v");
  // Where only the SDK knows where the key ends.
  Put("own_key", kKvCoder, {"own", "number"});
  EXPECT_EQ(Form("own_key", "kv"), "length_prefix<kv<my:own:v1, varint>>: \2kv");
  EXPECT_EQ(
      Form("pair", "\7k"),
      "an element's bytes are no value of its coder: a length exceeds the bytes that are left");
}

TEST_F(TestStreamFormTest, GosOwnCoderHasItsLength) {
  EXPECT_EQ(Form("go", "\3abc"), "beam:go:coder:custom:v1: \3abc");
  Put("go_key", kKvCoder, {"go", "number"});
  EXPECT_EQ(Form("go_key", "\1k\7"), "kv<beam:go:coder:custom:v1, length_prefix<varint>>: \1k\1\7");
}

TEST_F(TestStreamFormTest, RefusesCodersThatAreNotThere) {
  EXPECT_EQ(Form("none", ""), "the pipeline has no coder \"none\"");
  Put("open", kKvCoder, {"none", "bytes"});
  EXPECT_EQ(Form("open", ""), "the pipeline has no coder \"none\"");
}

}  // namespace
}  // namespace joist::portability
