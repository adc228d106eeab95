// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/runner_coders.h"

#include <gtest/gtest.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <string>
#include <utility>
#include <vector>

namespace joist::portability {
namespace {

constexpr std::string_view kOwnCoder = "my:own:v1";

class RunnerCodersTest : public testing::Test {
 protected:
  const std::string& Put(const std::string& id, std::string_view urn,
                         const std::vector<std::string>& parts = {}) {
    pipeline::Coder& coder = (*components_.mutable_coders())[id];
    coder.mutable_spec()->set_urn(std::string(urn));
    for (const std::string& part : parts) coder.add_component_coder_ids(part);
    return components_.coders().find(id)->first;
  }
  void PutEnvironment(const std::string& id, const std::vector<std::string_view>& capabilities) {
    pipeline::Environment& environment = (*components_.mutable_environments())[id];
    for (const std::string_view urn : capabilities) environment.add_capabilities(std::string(urn));
  }
  /// "kv<bytes, length_prefix<my:own:v1>>"
  std::string Spelled(const std::string& id) const {
    const pipeline::Coder& coder = components_.coders().at(id);
    CoderSpec spec;
    spec.urn = coder.spec().urn();
    std::string text = spec.ToString();
    for (int i = 0; i < coder.component_coder_ids_size(); ++i) {
      text += (i == 0 ? "<" : ", ") + Spelled(coder.component_coder_ids(i));
    }
    return coder.component_coder_ids_size() == 0 ? text : text + ">";
  }
  std::string WithLengths(RunnerCoders* coders, const std::string& id) const {
    const Result<std::string> with = coders->WithLengths(id);
    EXPECT_TRUE(with.ok()) << with.status().message();
    return with.ok() ? *with : id;
  }

  pipeline::Components components_;
};

TEST_F(RunnerCodersTest, LengthsAreWhereARunnerNeedsThem) {
  Put("bytes", kBytesCoder);
  Put("own", kOwnCoder);
  Put("own_list", kIterableCoder, {"own"});
  Put("kv", kKvCoder, {"bytes", "own_list"});
  Put("prefixed", kLengthPrefixCoder, {"own"});
  Put("plain", kKvCoder, {"bytes", "prefixed"});
  Put("own_of_parts", kOwnCoder, {"bytes"});
  RunnerCoders coders(&components_);

  EXPECT_EQ(WithLengths(&coders, "bytes"), "bytes");
  EXPECT_EQ(WithLengths(&coders, "prefixed"), "prefixed");
  EXPECT_EQ(WithLengths(&coders, "plain"), "plain");
  EXPECT_EQ(Spelled(WithLengths(&coders, "own")), "length_prefix<my:own:v1>");
  EXPECT_EQ(Spelled(WithLengths(&coders, "own_of_parts")), "length_prefix<my:own:v1<bytes>>");
  EXPECT_EQ(Spelled(WithLengths(&coders, "kv")), "kv<bytes, iterable<length_prefix<my:own:v1>>>");
  // What has its lengths keeps them.
  const std::string with = WithLengths(&coders, "kv");
  EXPECT_EQ(WithLengths(&coders, with), with);
  EXPECT_EQ(RunnerCoders(&components_).WithLengths(with).value(), with);
  EXPECT_TRUE(coders.Wire(with).ok());
  EXPECT_TRUE(coders.Wire(with)->is_kv());
  EXPECT_FALSE(coders.Wire("kv").ok());
}

TEST_F(RunnerCodersTest, WhatNotAllEnvironmentsKnowGetsALength) {
  Put("bool", kBoolCoder);
  Put("text", kStringCoder);
  Put("number", kVarintCoder);
  Put("double", kDoubleCoder);
  Put("maybe", kNullableCoder, {"text"});
  PutEnvironment("python", {kBoolCoder, kStringCoder, kVarintCoder, kNullableCoder});
  PutEnvironment("go", {kStringCoder, kVarintCoder});
  RunnerCoders both(&components_);
  EXPECT_EQ(WithLengths(&both, "text"), "text");
  EXPECT_EQ(WithLengths(&both, "number"), "number");
  EXPECT_EQ(WithLengths(&both, "double"), "double");  // Everybody must know it.
  EXPECT_EQ(Spelled(WithLengths(&both, "bool")), "length_prefix<bool>");
  EXPECT_EQ(Spelled(WithLengths(&both, "maybe")), "length_prefix<nullable<string_utf8>>");

  components_.mutable_environments()->erase("go");
  RunnerCoders python(&components_);
  EXPECT_EQ(WithLengths(&python, "bool"), "bool");
  EXPECT_EQ(WithLengths(&python, "maybe"), "maybe");

  components_.mutable_environments()->clear();
  PutEnvironment("nothing", {});
  RunnerCoders none(&components_);
  EXPECT_EQ(Spelled(WithLengths(&none, "text")), "length_prefix<string_utf8>");
}

TEST_F(RunnerCodersTest, TheSameCoderHasTheSameId) {
  Put("bytes", kBytesCoder);
  Put("own", kOwnCoder);
  RunnerCoders coders(&components_);
  const std::string kv = coders.Make(kKvCoder, {"bytes", "own"});
  EXPECT_EQ(coders.Make(kKvCoder, {"bytes", "own"}), kv);
  EXPECT_NE(coders.Make(kKvCoder, {"own", "bytes"}), kv);
  EXPECT_NE(coders.Make(kKvCoder, {"bytes"}), kv);
  EXPECT_EQ(coders.Make(kBytesCoder, {}), "bytes");
  // An id that an SDK has given to something else.
  const std::string name = coders.Make(kIterableCoder, {"bytes"});
  components_.mutable_coders()->erase(name);
  Put(name, kOwnCoder);
  const std::string other = RunnerCoders(&components_).Make(kIterableCoder, {"bytes"});
  EXPECT_NE(other, name);
  EXPECT_EQ(Spelled(other), "iterable<bytes>");
  // A payload makes it another coder.
  Put("paid", kDoubleCoder);
  (*components_.mutable_coders())["paid"].mutable_spec()->set_payload("x");
  EXPECT_NE(coders.Make(kDoubleCoder, {}), "paid");

  // Ids do not grow with what they are made of.
  std::string nested = kv;
  for (int i = 0; i < 20; ++i) nested = coders.Make(kKvCoder, {nested, nested});
  EXPECT_LT(nested.size(), 200U);
}

TEST_F(RunnerCodersTest, ComparesCodersWhateverTheirIds) {
  Put("bytes", kBytesCoder);
  Put("bytes2", kBytesCoder);
  Put("text", kStringCoder);
  Put("kv", kKvCoder, {"bytes", "text"});
  Put("kv2", kKvCoder, {"bytes2", "text"});
  Put("turned", kKvCoder, {"text", "bytes"});
  Put("paid", kBytesCoder);
  (*components_.mutable_coders())["paid"].mutable_spec()->set_payload("x");
  const RunnerCoders coders(&components_);
  EXPECT_TRUE(coders.AreSame("kv", "kv2"));
  EXPECT_FALSE(coders.AreSame("kv", "turned"));
  EXPECT_FALSE(coders.AreSame("kv", "bytes"));
  EXPECT_FALSE(coders.AreSame("bytes", "paid"));
  EXPECT_FALSE(coders.AreSame("bytes", "none"));
}

TEST_F(RunnerCodersTest, GroupsHaveTheirElementsCoders) {
  Put("bytes", kBytesCoder);
  Put("text", kStringCoder);
  Put("own", kOwnCoder);
  Put("paid", kOwnCoder);
  (*components_.mutable_coders())["paid"].mutable_spec()->set_payload("x");
  Put("texts", kIterableCoder, {"text"});
  Put("owns", kIterableCoder, {"own"});
  Put("kv", kKvCoder, {"bytes", "text"});
  Put("groups", kKvCoder, {"bytes", "texts"});
  Put("paid_kv", kKvCoder, {"bytes", "paid"});
  Put("own_groups", kKvCoder, {"bytes", "owns"});
  Put("other_keys", kKvCoder, {"text", "texts"});
  const RunnerCoders coders(&components_);
  EXPECT_TRUE(coders.AreGroupsOf("kv", "groups"));
  EXPECT_TRUE(coders.AreGroupsOf("paid_kv", "own_groups"));
  EXPECT_FALSE(coders.AreGroupsOf("kv", "own_groups"));
  EXPECT_FALSE(coders.AreGroupsOf("kv", "other_keys"));
  EXPECT_FALSE(coders.AreGroupsOf("kv", "kv"));
  EXPECT_FALSE(coders.AreGroupsOf("texts", "groups"));
  EXPECT_FALSE(coders.AreGroupsOf("kv", "none"));
}

TEST_F(RunnerCodersTest, UnknownWindowsTellWhenTheyEnd) {
  Put("global", kGlobalWindowCoder);
  Put("interval", kIntervalWindowCoder);
  Put("own", kOwnCoder);
  Put("custom", kCustomWindowCoder, {"own"});
  RunnerCoders coders(&components_);
  EXPECT_EQ(coders.WindowWithLengths("global").value(), "global");
  EXPECT_EQ(coders.WindowWithLengths("interval").value(), "interval");
  EXPECT_EQ(coders.WindowWithLengths("custom").value(), "custom");
  EXPECT_EQ(Spelled(coders.WindowWithLengths("own").value()),
            "custom_window<length_prefix<my:own:v1>>");
  EXPECT_FALSE(coders.WindowWithLengths("none").ok());
}

TEST_F(RunnerCodersTest, CirclesAndWhatIsMissingAreRefused) {
  Put("circle", kIterableCoder, {"circle"});
  Put("open", kIterableCoder, {"none"});
  RunnerCoders coders(&components_);
  EXPECT_EQ(coders.WithLengths("circle").status().message(), "a coder is nested too deeply");
  EXPECT_EQ(coders.Wire("circle").status().message(), "the coder \"circle\" is a part of itself");
  EXPECT_EQ(coders.WithLengths("open").status().message(), "the pipeline has no coder \"none\"");
  EXPECT_EQ(coders.Wire("open").status().message(),
            "the coder \"none\", part of \"open\", does not exist");
}

}  // namespace
}  // namespace joist::portability
