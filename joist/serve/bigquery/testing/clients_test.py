# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""clients_test.py SERVER: Google's Python clients and bq against bigquery_server.

Prints a table of every call that was tried. Needs google-cloud-bigquery,
google-cloud-bigquery-storage, fastavro and pyarrow.
"""

import datetime
import decimal
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

try:
    import fastavro  # noqa: F401: the client reads AVRO with it.
    import grpc
    import pyarrow  # noqa: F401
    from google.api_core import exceptions
    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery
    from google.cloud import bigquery_storage_v1 as storage
    from google.cloud.bigquery_storage_v1 import types
    from google.cloud.bigquery_storage_v1.services.big_query_read.transports import (
        BigQueryReadGrpcTransport,
    )
    from google.cloud.bigquery_storage_v1.services.big_query_write.transports import (
        BigQueryWriteGrpcTransport,
    )
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
except ImportError as missing:
    print(f"skipped: {missing}; pip install google-cloud-bigquery google-cloud-bigquery-storage "
          "fastavro pyarrow")
    sys.exit(0)

SERVER = sys.argv.pop(1)
CALLS = []


def tried(call):
    """Notes a call for the table."""
    CALLS.append(call)


class ServerCase(unittest.TestCase):
    """A server in a folder of its own."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix=f"joist_bigquery_{os.getpid()}_")
        cls.start()
        cls.client.create_dataset("d")

    @classmethod
    def start(cls):
        cls.server = subprocess.Popen([SERVER, cls.folder], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        cls.http, cls.grpc = cls.server.stdout.readline().split()
        cls.client = bigquery.Client(
            project="my-project", credentials=AnonymousCredentials(),
            client_options=ClientOptions(api_endpoint=f"http://127.0.0.1:{cls.http}"))
        channel = grpc.insecure_channel(f"127.0.0.1:{cls.grpc}",
                                        options=[("grpc.max_receive_message_length", -1)])
        cls.write = storage.BigQueryWriteClient(
            transport=BigQueryWriteGrpcTransport(channel=channel))
        cls.read = storage.BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))

    @classmethod
    def tearDownClass(cls):
        cls.server.stdin.close()
        cls.server.wait(20)
        cls.server.stdout.close()
        shutil.rmtree(cls.folder, ignore_errors=True)

    def one(self, sql, **options):
        """The one value of a query's one row."""
        return next(iter(self.client.query(sql, **options).result()))[0]


FIELDS = [
    bigquery.SchemaField("name", "STRING", mode="REQUIRED", description="who"),
    bigquery.SchemaField("age", "INTEGER"),
    bigquery.SchemaField("score", "FLOAT"),
    bigquery.SchemaField("paid", "NUMERIC"),
    bigquery.SchemaField("raw", "BYTES"),
    bigquery.SchemaField("good", "BOOLEAN"),
    bigquery.SchemaField("at", "TIMESTAMP"),
    bigquery.SchemaField("local", "DATETIME"),
    bigquery.SchemaField("day", "DATE"),
    bigquery.SchemaField("clock", "TIME"),
    bigquery.SchemaField("data", "JSON"),
    bigquery.SchemaField("tags", "STRING", mode="REPEATED"),
    bigquery.SchemaField("parts", "RECORD", mode="REPEATED", fields=[
        bigquery.SchemaField("k", "STRING"), bigquery.SchemaField("v", "INTEGER")]),
]
ROW = {
    "name": "Ann", "age": 30, "score": 1.5, "paid": "12.25", "raw": "AQI=", "good": True,
    "at": "2024-05-06T07:08:09.123456Z", "local": "2024-05-06T07:08:09", "day": "2024-05-06",
    "clock": "07:08:09", "data": '{"a": 1}', "tags": ["x", "y"],
    "parts": [{"k": "a", "v": 1}, {"k": "b"}],
}
VALUES = {
    "name": "Ann", "age": 30, "score": 1.5, "paid": decimal.Decimal("12.25"), "raw": b"\x01\x02",
    "good": True,
    "at": datetime.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=datetime.timezone.utc),
    "local": datetime.datetime(2024, 5, 6, 7, 8, 9), "day": datetime.date(2024, 5, 6),
    "clock": datetime.time(7, 8, 9), "data": {"a": 1}, "tags": ["x", "y"],
    "parts": [{"k": "a", "v": 1}, {"k": "b", "v": None}],
}


class RestTest(ServerCase):
    """google-cloud-bigquery."""

    def test_datasets(self):
        dataset = bigquery.Dataset("my-project.things")
        dataset.description = "all things"
        dataset.labels = {"a": "b"}
        self.client.create_dataset(dataset)
        tried("datasets.insert")
        with self.assertRaises(exceptions.Conflict):
            self.client.create_dataset("things")
        self.client.create_dataset("things", exists_ok=True)
        got = self.client.get_dataset("things")
        tried("datasets.get")
        self.assertEqual((got.description, got.labels), ("all things", {"a": "b"}))
        got.friendly_name = "Things"
        self.client.update_dataset(got, ["friendly_name"])
        tried("datasets.patch")
        self.assertEqual(self.client.get_dataset("things").friendly_name, "Things")
        self.assertIn("things", [item.dataset_id for item in self.client.list_datasets()])
        tried("datasets.list")
        self.client.create_table(bigquery.Table("my-project.things.t", FIELDS))
        with self.assertRaises(exceptions.BadRequest):
            self.client.delete_dataset("things")
        self.client.delete_dataset("things", delete_contents=True)
        tried("datasets.delete")
        with self.assertRaises(exceptions.NotFound):
            self.client.get_dataset("things")

    def test_tables(self):
        table = bigquery.Table("my-project.d.people", FIELDS)
        table.description = "people"
        self.client.create_table(table)
        tried("tables.insert")
        got = self.client.get_table("d.people")
        tried("tables.get")
        self.assertEqual(got.schema, FIELDS)
        self.assertEqual((got.description, got.num_rows), ("people", 0))
        with self.assertRaises(exceptions.Conflict):
            self.client.create_table(table)
        got.schema = [*FIELDS, bigquery.SchemaField("more", "STRING")]
        self.client.update_table(got, ["schema"])
        tried("tables.patch")
        self.assertEqual(len(self.client.get_table("d.people").schema), len(FIELDS) + 1)
        got.schema = FIELDS[:1]
        with self.assertRaises(exceptions.BadRequest):
            self.client.update_table(got, ["schema"])
        view = bigquery.Table("my-project.d.names")
        view.view_query = "SELECT name FROM `my-project.d.people`"
        self.client.create_table(view)
        self.assertEqual(self.client.get_table("d.names").table_type, "VIEW")
        self.assertEqual([item.table_id for item in self.client.list_tables("d")
                          if item.table_id in ("names", "people")], ["names", "people"])
        tried("tables.list")
        self.client.delete_table("d.names")
        self.client.delete_table("d.people")
        tried("tables.delete")
        with self.assertRaises(exceptions.NotFound):
            self.client.get_table("d.people")

    def test_insert_all_and_every_type(self):
        self.client.create_table(bigquery.Table("my-project.d.types", FIELDS))
        self.assertEqual(self.client.insert_rows_json("d.types", [ROW, {"name": "Bob"}]), [])
        tried("tabledata.insertAll")
        for rows in (self.client.list_rows("d.types"),
                     self.client.query("SELECT * FROM d.types ORDER BY age DESC NULLS LAST"
                                       ).result()):
            first, second = list(rows)
            self.assertEqual(dict(first.items()), VALUES)
            self.assertIsNone(second["paid"])
            self.assertEqual(second["tags"], [])
        tried("tabledata.list")

    def test_insert_all_says_what_is_wrong(self):
        self.client.create_table(bigquery.Table("my-project.d.wrong", FIELDS))
        rows = [{"name": "a", "age": "x"}, {"name": "b"}, {"name": "c", "nothing": 1}, {"age": 1}]
        errors = self.client.insert_rows_json("d.wrong", rows)
        reasons = {error["index"]: error["errors"][0] for error in errors}
        self.assertEqual(reasons[0]["location"], "age")
        self.assertEqual(reasons[1]["reason"], "stopped")
        self.assertIn("no such field", reasons[2]["message"])
        self.assertIn("Missing required field", reasons[3]["message"])
        self.assertEqual(self.one("SELECT COUNT(*) FROM d.wrong"), 0)
        errors = self.client.insert_rows_json("d.wrong", rows, skip_invalid_rows=True,
                                              ignore_unknown_values=True)
        self.assertEqual([error["index"] for error in errors], [0, 3])
        self.assertEqual(
            [row[0] for row in self.client.query("SELECT name FROM d.wrong ORDER BY 1").result()],
            ["b", "c"])

    def test_insert_ids(self):
        self.client.create_table(bigquery.Table("my-project.d.ids", FIELDS))
        for _ in range(2):
            self.client.insert_rows_json("d.ids", [{"name": "a"}, {"name": "b"}],
                                         row_ids=["1", "2"])
        self.assertEqual(self.one("SELECT COUNT(*) FROM d.ids"), 2)

    def test_load_json(self):
        job = self.client.load_table_from_json(
            [ROW, {"name": "Bob"}], "d.loaded", job_config=bigquery.LoadJobConfig(schema=FIELDS))
        self.assertEqual(job.result().output_rows, 2)
        tried("jobs.insert load JSON (multipart)")
        self.assertEqual(dict(list(self.client.list_rows("d.loaded"))[0].items()), VALUES)
        job = self.client.load_table_from_json([{"n": 1, "t": "x"}, {"n": 2.5}], "d.detected")
        job.result()
        self.assertEqual([(f.name, f.field_type) for f in self.client.get_table("d.detected").schema],
                         [("n", "FLOAT"), ("t", "STRING")])
        config = bigquery.LoadJobConfig(write_disposition="WRITE_TRUNCATE")
        self.client.load_table_from_json([{"n": 3}], "d.detected", job_config=config).result()
        self.assertEqual(self.one("SELECT SUM(n) FROM d.detected"), 3)
        config = bigquery.LoadJobConfig(write_disposition="WRITE_EMPTY")
        with self.assertRaises(exceptions.GoogleAPICallError):
            self.client.load_table_from_json([{"n": 3}], "d.detected", job_config=config).result()

    def test_load_file(self):
        config = bigquery.LoadJobConfig(source_format="CSV", skip_leading_rows=1, schema=[
            bigquery.SchemaField("n", "INTEGER"), bigquery.SchemaField("t", "STRING")])
        text = "n,t\n" + "".join(f'{i},"text, ""{i}"""\n' for i in range(50_000))
        self.client.load_table_from_file(io.BytesIO(text.encode()), "d.csv",
                                         job_config=config).result()
        tried("jobs.insert load CSV (resumable)")
        self.assertEqual(self.one("SELECT COUNT(*) FROM d.csv"), 50_000)
        self.assertEqual(self.one("SELECT t FROM d.csv WHERE n = 7"), 'text, "7"')
        with self.assertRaises(exceptions.BadRequest):
            self.client.load_table_from_file(io.BytesIO(b"n,t\nx,y\n"), "d.csv",
                                             job_config=config).result()

    def test_queries(self):
        self.assertEqual(self.one("SELECT 1 + 1"), 2)
        tried("jobs.insert query")
        rows = self.client.query_and_wait("SELECT x FROM UNNEST([3, 1, 2]) AS x ORDER BY x")
        self.assertEqual([row.x for row in rows], [1, 2, 3])
        tried("jobs.query")
        config = bigquery.QueryJobConfig(query_parameters=[
            bigquery.ScalarQueryParameter("n", "INT64", 5),
            bigquery.ScalarQueryParameter("t", "TIMESTAMP",
                                          datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)),
            bigquery.ArrayQueryParameter("a", "STRING", ["x", "y"])])
        row = next(iter(self.client.query("SELECT @n, @t, @a", job_config=config).result()))
        self.assertEqual(row[0], 5)
        self.assertEqual(row[1].year, 2024)
        self.assertEqual(row[2], ["x", "y"])
        config = bigquery.QueryJobConfig(query_parameters=[
            bigquery.ScalarQueryParameter(None, "INT64", 5),
            bigquery.ScalarQueryParameter(None, "INT64", 6)])
        self.assertEqual(self.one("SELECT ? * ?", job_config=config), 30)
        with self.assertRaises(exceptions.BadRequest) as caught:
            self.client.query("SELEC 1").result()
        self.assertEqual(caught.exception.errors[0]["reason"], "invalidQuery")
        with self.assertRaises(exceptions.NotFound):
            self.client.query("SELECT * FROM d.nothing").result()
        dry = self.client.query("SELECT 'a' AS t", job_config=bigquery.QueryJobConfig(dry_run=True))
        self.assertEqual(dry.schema[0].name, "t")

    def test_pages(self):
        rows = self.client.query("SELECT * FROM generate_series(1, 25000) AS s(n)").result(
            page_size=10_000)
        self.assertEqual(sum(row[0] for row in rows), 25_000 * 25_001 // 2)
        tried("jobs.getQueryResults with pageToken")
        self.client.query("CREATE TABLE d.many AS SELECT n FROM generate_series(1, 25000) AS s(n)"
                          ).result()
        self.assertEqual(sum(row[0] for row in self.client.list_rows("d.many", page_size=7000)),
                         25_000 * 25_001 // 2)
        self.assertEqual([row[0] for row in self.client.list_rows("d.many", start_index=24_998)],
                         [24_999, 25_000])
        self.assertEqual(self.client.get_table("d.many").num_rows, 25_000)

    def test_dml_ddl_and_destinations(self):
        self.client.query("CREATE TABLE d.changed (n INT64, t STRING)").result()
        job = self.client.query("INSERT INTO d.changed VALUES (1, 'a'), (2, 'b')")
        job.result()
        self.assertEqual(job.num_dml_affected_rows, 2)
        self.assertEqual(job.statement_type, "INSERT")
        job = self.client.query("DELETE FROM d.changed WHERE n = 1")
        job.result()
        self.assertEqual(job.num_dml_affected_rows, 1)
        config = bigquery.QueryJobConfig(destination="my-project.d.chosen",
                                         write_disposition="WRITE_TRUNCATE")
        self.client.query("SELECT * FROM d.changed", job_config=config).result()
        self.assertEqual(self.one("SELECT t FROM d.chosen"), "b")
        self.client.copy_table("my-project.d.chosen", "my-project.d.copied").result()
        tried("jobs.insert copy")
        self.assertEqual(self.one("SELECT COUNT(*) FROM d.copied"), 1)

    def test_jobs(self):
        job = self.client.query("SELECT 1")
        job.result()
        self.assertEqual(self.client.get_job(job.job_id).state, "DONE")
        tried("jobs.get")
        self.assertIn(job.job_id, [item.job_id for item in self.client.list_jobs()])
        tried("jobs.list")
        slow = self.client.query("SELECT COUNT(*) FROM generate_series(1, 1000000) a, "
                                 "generate_series(1, 1000000) b WHERE a.generate_series * "
                                 "b.generate_series % 7 = 3")
        self.assertEqual(self.client.get_job(slow.job_id).state, "RUNNING")
        slow.cancel()
        tried("jobs.cancel")
        with self.assertRaises(exceptions.GoogleAPICallError):
            slow.result(timeout=20)
        with self.assertRaises(exceptions.NotFound):
            self.client.get_job("nothing")

    def test_bq(self):
        if shutil.which("bq") is None:
            self.skipTest("bq isn't installed")
        with tempfile.TemporaryDirectory() as home:
            def bq(*arguments):
                # The token is none: the server on loopback asks for no account.
                done = subprocess.run(
                    ["bq", "--api", f"http://127.0.0.1:{self.http}", "--project_id=my-project",
                     "--oauth_access_token=none", "--format=json", *arguments],
                    capture_output=True, text=True, timeout=60,
                    env={**os.environ, "HOME": home, "CLOUDSDK_CONFIG": home,
                         "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
                         "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1"})
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                tried("bq " + arguments[0])
                return done.stdout

            bq("mk", "-d", "things_of_bq")
            with open(os.path.join(home, "t.csv"), "w", encoding="utf-8") as file:
                file.write("n,t\n1,a\n2,b\n")
            bq("load", "--skip_leading_rows=1", "things_of_bq.t", file.name,
               "n:INTEGER,t:STRING")
            with open(os.path.join(home, "t.json"), "w", encoding="utf-8") as file:
                file.write('{"n": 3, "t": "c"}')
            bq("insert", "things_of_bq.t", file.name)
            rows = bq("query", "--nouse_legacy_sql", "--parameter=n:INT64:1",
                      "SELECT t FROM things_of_bq.t WHERE n > @n ORDER BY n")
            self.assertEqual(json.loads(rows), [{"t": "b"}, {"t": "c"}])
            self.assertEqual(json.loads(bq("show", "things_of_bq.t"))["numRows"], "3")
            self.assertEqual(len(json.loads(bq("head", "things_of_bq.t"))), 3)
            bq("rm", "-f", "-t", "things_of_bq.t")


def message_class():
    """message Row {string name = 1; int64 number = 2;} and its descriptor."""
    file = descriptor_pb2.FileDescriptorProto(name="row.proto", package="test", syntax="proto2")
    row = file.message_type.add(name="Row")
    row.field.add(name="name", number=1, type=9, label=1)
    row.field.add(name="number", number=2, type=3, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("test.Row")), row


ROW_CLASS, ROW_DESCRIPTOR = message_class()


class StorageTest(ServerCase):
    """google-cloud-bigquery-storage."""

    def make_table(self, name):
        self.client.create_table(bigquery.Table(f"my-project.d.{name}", [
            bigquery.SchemaField("name", "STRING"), bigquery.SchemaField("number", "INTEGER")]))
        return f"projects/my-project/datasets/d/tables/{name}"

    @staticmethod
    def request(stream, numbers, offset=None):
        rows = types.ProtoRows(serialized_rows=[
            ROW_CLASS(name=f"row {n}", number=n).SerializeToString() for n in numbers])
        request = types.AppendRowsRequest(
            write_stream=stream, offset=offset,
            proto_rows=types.AppendRowsRequest.ProtoData(
                writer_schema=types.ProtoSchema(proto_descriptor=ROW_DESCRIPTOR), rows=rows))
        return request

    def append(self, *requests):
        answers = list(self.write.append_rows(iter(requests)))
        tried("AppendRows")
        return answers

    def count(self, table):
        return self.one(f"SELECT COUNT(*) FROM d.{table}")

    def test_default_stream(self):
        parent = self.make_table("plain")
        answers = self.append(*(self.request(f"{parent}/streams/_default", range(i, i + 10))
                                for i in range(0, 1000, 10)))
        self.assertEqual(len(answers), 100)
        self.assertEqual([answer.error.code for answer in answers], [0] * 100)
        self.assertEqual(self.one("SELECT SUM(number) FROM d.plain"), 999 * 1000 // 2)

    def test_committed_stream_with_offsets(self):
        parent = self.make_table("committed")
        stream = self.write.create_write_stream(
            parent=parent, write_stream=types.WriteStream(type_=types.WriteStream.Type.COMMITTED))
        tried("CreateWriteStream")
        self.assertEqual([field.name for field in stream.table_schema.fields], ["name", "number"])
        answers = self.append(self.request(stream.name, range(0, 5), 0),
                              self.request(stream.name, range(5, 9), 5),
                              self.request(stream.name, range(0, 5), 0),
                              self.request(stream.name, range(0, 5), 50),
                              self.request(stream.name, range(9, 10), 9))
        self.assertEqual([answer.error.code for answer in answers], [0, 0, 6, 11, 0])
        self.assertEqual([answer.append_result.offset for answer in answers if not answer.error.code],
                         [0, 5, 9])
        self.assertEqual(self.write.finalize_write_stream(name=stream.name).row_count, 10)
        tried("FinalizeWriteStream")
        self.assertEqual(self.write.get_write_stream(name=stream.name).type_,
                         types.WriteStream.Type.COMMITTED)
        tried("GetWriteStream")
        self.assertEqual(self.append(self.request(stream.name, [1], 10))[0].error.code, 9)
        self.assertEqual(self.count("committed"), 10)

    def test_buffered_stream(self):
        parent = self.make_table("buffered")
        stream = self.write.create_write_stream(
            parent=parent, write_stream=types.WriteStream(type_=types.WriteStream.Type.BUFFERED))
        self.append(self.request(stream.name, range(10), 0))
        self.assertEqual(self.count("buffered"), 0)
        self.write.flush_rows(types.FlushRowsRequest(write_stream=stream.name, offset=6))
        tried("FlushRows")
        self.assertEqual(self.count("buffered"), 7)

    def test_pending_streams(self):
        parent = self.make_table("pending")
        names = []
        for begin in (0, 10):
            stream = self.write.create_write_stream(
                parent=parent, write_stream=types.WriteStream(type_=types.WriteStream.Type.PENDING))
            self.append(self.request(stream.name, range(begin, begin + 10), 0))
            names.append(stream.name)
        request = types.BatchCommitWriteStreamsRequest(parent=parent, write_streams=names)
        answer = self.write.batch_commit_write_streams(request)
        self.assertEqual(answer.stream_errors[0].code,
                         types.StorageError.StorageErrorCode.INVALID_STREAM_STATE)
        for name in names:
            self.write.finalize_write_stream(name=name)
        answer = self.write.batch_commit_write_streams(request)
        tried("BatchCommitWriteStreams")
        self.assertEqual(len(answer.stream_errors), 0)
        self.assertEqual(self.one("SELECT SUM(number) FROM d.pending"), 190)

    def test_faults(self):
        parent = self.make_table("faults")
        request = self.request(f"{parent}/streams/_default", [1])
        request.proto_rows.rows.serialized_rows.append(b"\xff\xff")
        answer = self.append(request)[0]
        self.assertEqual((answer.error.code, answer.row_errors[0].index), (3, 1))
        self.assertEqual(self.count("faults"), 0)
        with self.assertRaises(exceptions.NotFound):
            self.append(self.request("projects/my-project/datasets/d/tables/no/streams/_default",
                                     [1]))

    def test_updated_schema(self):
        parent = self.make_table("grows")

        def requests():
            yield self.request(f"{parent}/streams/_default", [1])
            table = self.client.get_table("d.grows")
            table.schema = [*table.schema, bigquery.SchemaField("more", "STRING")]
            self.client.update_table(table, ["schema"])
            yield self.request(f"{parent}/streams/_default", [2])
            more = self.request(f"{parent}/streams/_default", [3])
            yield types.AppendRowsRequest(proto_rows=types.AppendRowsRequest.ProtoData(
                rows=more.proto_rows.rows))

        answers = self.append(*requests())
        self.assertEqual([answer.error.code for answer in answers], [0, 0, 0])
        self.assertEqual(self.count("grows"), 3)

    def read_rows(self, table, data_format, streams=1, **options):
        session = self.read.create_read_session(
            parent="projects/my-project",
            read_session=types.ReadSession(
                table=f"projects/my-project/datasets/d/tables/{table}", data_format=data_format,
                read_options=types.ReadSession.TableReadOptions(**options)),
            max_stream_count=streams)
        tried(f"CreateReadSession {types.DataFormat(data_format).name}")
        rows = []
        for stream in session.streams:
            for row in self.read.read_rows(stream.name).rows(session):
                rows.append({key: value.as_py() if hasattr(value, "as_py") else value
                             for key, value in row.items()})
            tried(f"ReadRows {types.DataFormat(data_format).name}")
        return session, rows

    def test_read(self):
        self.client.create_table(bigquery.Table("my-project.d.all", FIELDS))
        self.client.insert_rows_json("d.all", [ROW, {"name": "Bob"}])
        for data_format in (types.DataFormat.AVRO, types.DataFormat.ARROW):
            _, rows = self.read_rows("all", data_format)
            expected = {**VALUES, "data": '{"a": 1}'}
            if data_format == types.DataFormat.AVRO:
                expected["local"] = "2024-05-06T07:08:09"
            self.assertEqual(rows[0], expected)
            self.assertEqual((rows[1]["name"], rows[1]["age"], rows[1]["tags"]), ("Bob", None, []))
            _, rows = self.read_rows("all", data_format, selected_fields=["age", "name"],
                                     row_restriction='name = "Ann" AND age > 3')
            self.assertEqual(rows, [{"name": "Ann", "age": 30}])

    def test_read_in_streams(self):
        self.client.query("CREATE TABLE d.wide AS SELECT n FROM generate_series(1, 60000) AS s(n)"
                          ).result()
        session, rows = self.read_rows("wide", types.DataFormat.ARROW, streams=4)
        self.assertEqual(len(session.streams), 4)
        self.assertEqual(sorted(row["n"] for row in rows), list(range(1, 60_001)))
        split = self.read.split_read_stream(types.SplitReadStreamRequest(
            name=session.streams[0].name, fraction=0.25))
        tried("SplitReadStream")
        counts = [sum(1 for _ in self.read.read_rows(stream.name).rows(session))
                  for stream in (split.primary_stream, split.remainder_stream)]
        self.assertEqual(counts, [3750, 11_250])
        rest = sum(1 for _ in self.read.read_rows(session.streams[0].name, offset=14_000
                                                  ).rows(session))
        self.assertEqual(rest, 1000)
        table = self.client.list_rows("d.wide").to_arrow(bqstorage_client=self.read)
        self.assertEqual(table.num_rows, 60_000)
        tried("list_rows().to_arrow() through the Read API")


class KilledServerTest(ServerCase):
    """Offsets across SIGKILL of the server."""

    def test_rows_are_there_once(self):
        self.client.create_table(bigquery.Table("my-project.d.t", [
            bigquery.SchemaField("name", "STRING"), bigquery.SchemaField("number", "INTEGER")]))
        stream = self.write.create_write_stream(
            parent="projects/my-project/datasets/d/tables/t",
            write_stream=types.WriteStream(type_=types.WriteStream.Type.COMMITTED)).name
        done = 0
        for life in range(6):
            killer = subprocess.Popen(["sh", "-c",
                                       f"sleep 0.{2 + life}; kill -9 {self.server.pid}"])
            try:
                sent = 0

                def requests(begin):
                    for offset in range(begin, begin + 50 * 2000, 50):
                        yield StorageTest.request(stream, range(offset, offset + 50), offset)

                for answer in self.write.append_rows(requests(done)):
                    self.assertIn(answer.error.code, (0, 6))
                    sent += 50
            except exceptions.GoogleAPICallError:
                pass
            # One request back: its rows may be there or not.
            done = max(done, done + sent - 50)
            killer.wait()
            self.server.wait()
            self.server.stdin.close()
            self.server.stdout.close()
            self.start()
        self.assertGreater(done, 0)
        total = self.one("SELECT COUNT(*) FROM d.t")
        self.assertGreaterEqual(total, done)
        self.assertEqual(self.one("SELECT COUNT(DISTINCT number) FROM d.t"), total)
        self.assertEqual(self.one("SELECT MAX(number) FROM d.t"), total - 1)
        tried(f"kill -9 six times: {total} rows, each once")


if __name__ == "__main__":
    signal.alarm(250)
    result = unittest.main(exit=False, verbosity=1).result
    print("\ncall                                                 times")
    for name in sorted(set(CALLS)):
        print(f"{name:52} {CALLS.count(name)}")
    sys.exit(0 if result.wasSuccessful() else 1)
