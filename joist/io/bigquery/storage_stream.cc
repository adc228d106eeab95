// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include <google/cloud/bigquery/storage/v1/storage.grpc.pb.h>
#include <grpcpp/channel.h>

#include "joist/io/avro/decoder.h"
#include "joist/io/bigquery/block_source.h"
#include "joist/io/google/service_channel.h"

namespace joist::bigquery {
namespace {

namespace read_api = ::google::cloud::bigquery::storage::v1;

/// Of a call; one that takes longer is made once more from where it was.
constexpr std::chrono::minutes kLongestRead{10};

class StorageStream final : public BlockSource {
 public:
  StorageStream(std::unique_ptr<read_api::BigQueryRead::Stub> stub, const RowStream& stream,
                int64_t offset)
      : stub_(std::move(stub)), what_(stream.what), stream_(stream.stream), offset_(offset) {}
  ~StorageStream() override { Close(); }
  StorageStream(const StorageStream&) = delete;
  StorageStream& operator=(const StorageStream&) = delete;

  Result<bool> Next(AvroBlock* block) override {
    for (int attempt = 1;; ++attempt) {
      if (call_ == nullptr) Open();
      while (call_->reader->Read(&response_)) {
        attempt = 1;
        if (response_.row_count() == 0) continue;
        if (!response_.has_avro_rows()) return Internal(what_ + " gives rows that are not Avro");
        block->rows = response_.row_count();
        block->bytes = std::move(*response_.mutable_avro_rows()->mutable_serialized_binary_rows());
        block->size = block->bytes.size();
        block->bytes.resize(block->size + avro::Decoder::kSlack);
        offset_ += block->rows;
        return true;
      }
      const grpc::Status status = call_->reader->Finish();
      call_ = nullptr;
      if (status.ok()) return false;
      if (!google::MayBeTriedAgain(static_cast<StatusCode>(status.error_code())) ||
          attempt == kReadAttempts) {
        return google::FromGrpc(status, "cannot read " + what_);
      }
      PauseBeforeReading(attempt);
    }
  }

 private:
  struct Call {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<read_api::ReadRowsResponse>> reader;
  };

  void Open() {
    read_api::ReadRowsRequest request;
    request.set_read_stream(stream_);
    request.set_offset(offset_);
    call_ = std::make_unique<Call>();
    call_->context.set_deadline(std::chrono::system_clock::now() + kLongestRead);
    call_->context.AddMetadata("x-goog-request-params", "read_stream=" + stream_);
    call_->reader = stub_->ReadRows(&call_->context, request);
  }
  void Close() {
    if (call_ == nullptr) return;
    call_->context.TryCancel();
    while (call_->reader->Read(&response_)) {
    }
    call_->reader->Finish().IgnoreError();
  }

  const std::unique_ptr<read_api::BigQueryRead::Stub> stub_;
  const std::string what_;
  const std::string stream_;
  int64_t offset_;  ///< Of the next block's first row.
  std::unique_ptr<Call> call_;
  read_api::ReadRowsResponse response_;
};

}  // namespace

void PauseBeforeReading(int attempt) {
  std::this_thread::sleep_for(std::chrono::milliseconds(std::min(50 << (attempt - 1), 5'000)));
}

Result<std::unique_ptr<BlockSource>> OpenStorageStream(const RowStream& stream, int64_t offset) {
  JOIST_ASSIGN_OR_RETURN(auto channel,
                         google::Connect(google::Service::kBigQueryStorage, stream.endpoint));
  return std::unique_ptr<BlockSource>(
      std::make_unique<StorageStream>(read_api::BigQueryRead::NewStub(channel), stream, offset));
}

}  // namespace joist::bigquery
