// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A process with a store is killed at random moments while rows are appended with offsets; what
// wasn't answered is sent again with the same offset. In the end each row is there once.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <random>
#include <thread>

#include "joist/store/tables/test_tables.h"

namespace joist::tables {
namespace {

const TableName kTable{"p", "d", "t"};

struct Request {
  int64_t offset = 0;
  int64_t rows = 0;
};
struct Reply {
  int32_t code = 0;
  int64_t next = 0;
};

bool Send(int socket, const void* data, size_t size) {
  return send(socket, data, size, MSG_NOSIGNAL) == static_cast<ssize_t>(size);
}

bool Receive(int socket, void* data, size_t size) {
  return recv(socket, data, size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

/// Sends the name of the stream, and then answers requests until nobody is there any more.
void Serve(int socket, const std::string& folder, const std::string& known, StreamType type) {
  auto store = TableStore::Open({.folder = folder, .threads = 1}).value();
  (void)store->CreateDataset(kTable.Dataset(), "{}");
  (void)store->CreateTable(kTable, NameAndNumberSchema(), "{}");
  const std::string stream = known.empty() ? store->CreateStream(kTable, type).value().name : known;
  const auto plan = ProtoPlan::Compile(store->GetTable(kTable).value().schema, NameAndNumber());
  const uint32_t size = static_cast<uint32_t>(stream.size());
  if (!Send(socket, &size, sizeof(size)) || !Send(socket, stream.data(), size)) return;
  Request request;
  while (Receive(socket, &request, sizeof(request))) {
    std::promise<AppendAnswer> promise;
    store->Append(kTable, stream, request.offset,
                  NumberedRows(**plan, request.offset, request.offset + request.rows),
                  [&](const AppendAnswer& answer) { promise.set_value(answer); });
    const AppendAnswer answer = promise.get_future().get();
    Reply reply{static_cast<int32_t>(answer.status.code()), request.offset + request.rows};
    if (type == StreamType::kBuffered && answer.status.code() != StatusCode::kOutOfRange) {
      const auto flushed = store->FlushStream(stream, reply.next - 1);
      if (!flushed.ok()) reply.code = static_cast<int32_t>(flushed.status().code());
    }
    if (!Send(socket, &reply, sizeof(reply))) return;
  }
}

/// Appends, is cut off, appends again. Gives how often it heard that rows were already there.
int KillOften(StreamType type, int kills, int64_t* rows_sent, const std::string& folder) {
  std::mt19937 random(7);
  std::string stream;
  Request request{0, 0};
  int already = 0;
  for (int life = 0; life <= kills; ++life) {
    int sockets[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    const pid_t process = fork();
    if (process == 0) {
      close(sockets[0]);
      Serve(sockets[1], folder, stream, type);
      _exit(0);
    }
    close(sockets[1]);
    uint32_t size = 0;
    if (!Receive(sockets[0], &size, sizeof(size))) ADD_FAILURE() << "the server didn't start";
    stream.resize(size);
    EXPECT_TRUE(Receive(sockets[0], stream.data(), size));
    // The last life ends of itself.
    std::thread killer;
    if (life < kills) {
      killer = std::thread([process, wait = random() % 40'000] {
        std::this_thread::sleep_for(std::chrono::microseconds(wait));
        kill(process, SIGKILL);
      });
    }
    for (int sent = 0; life < kills || sent < 5; ++sent) {
      if (request.rows == 0) request.rows = 1 + static_cast<int64_t>(random() % 3000);
      Reply reply;
      if (!Send(sockets[0], &request, sizeof(request)) ||
          !Receive(sockets[0], &reply, sizeof(reply))) {
        break;
      }
      const auto code = static_cast<StatusCode>(reply.code);
      EXPECT_TRUE(code == StatusCode::kOk || code == StatusCode::kAlreadyExists) << reply.code;
      already += code == StatusCode::kAlreadyExists ? 1 : 0;
      request = {reply.next, 0};
    }
    close(sockets[0]);
    if (killer.joinable()) killer.join();
    int status = 0;
    EXPECT_EQ(waitpid(process, &status, 0), process);
    EXPECT_TRUE(life < kills || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
  }
  *rows_sent = request.offset;
  return already;
}

void ExpectEachOnce(const std::string& folder, int64_t rows) {
  auto store = TableStore::Open({.folder = folder, .threads = 1}).value();
  EXPECT_EQ(Number(store.get(), "count(*)", kTable), rows);
  EXPECT_EQ(Number(store.get(), "count(DISTINCT number)", kTable), rows);
  EXPECT_EQ(Number(store.get(), "max(number)", kTable), rows - 1);
  EXPECT_EQ(Number(store.get(), "count(*) FILTER (name <> 'row ' || number)", kTable), 0);
}

TEST(TablesCrashTest, RowsOfACommittedStreamAreThereOnce) {
  const TestFolder folder("committed");
  int64_t rows = 0;
  const int already = KillOften(StreamType::kCommitted, 40, &rows, folder.path());
  EXPECT_GT(rows, 40);
  RecordProperty("already_exists", already);
  ExpectEachOnce(folder.path(), rows);
}

TEST(TablesCrashTest, RowsOfABufferedStreamThatIsFlushedAreThereOnce) {
  const TestFolder folder("buffered");
  int64_t rows = 0;
  KillOften(StreamType::kBuffered, 20, &rows, folder.path());
  EXPECT_GT(rows, 20);
  ExpectEachOnce(folder.path(), rows);
}

}  // namespace
}  // namespace joist::tables
