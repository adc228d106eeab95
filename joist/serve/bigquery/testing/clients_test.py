# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""clients_test.py JOIST | --emulator=HOST:PORT --emulator_grpc=HOST:PORT: Google's Python clients
and bq against `joist serve`, or against a server that runs already, in a project my-project.

Prints a table of every call that was tried. Needs google-cloud-bigquery,
google-cloud-bigquery-storage, fastavro and pyarrow.
"""

import datetime
import decimal
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../testing"))
import calls

try:
    import fastavro  # noqa: F401: the client reads AVRO with it.
    import grpc
    import pyarrow
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
    calls.skip(missing)

CALLS = calls.Calls("Google's clients for BigQuery and BigQuery Storage against a server.")


class ServerCase(unittest.TestCase):
    """A server in a folder of its own, with a dataset d."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix=f"joist_bigquery_{os.getpid()}_")
        cls.start()
        cls.client.create_dataset("d", exists_ok=True)

    @classmethod
    def start(cls):
        if CALLS.emulator is None:
            cls.server, cls.http, cls.grpc = CALLS.serve(cls.folder)
        else:
            cls.http, cls.grpc = CALLS.emulator, CALLS.options.emulator_grpc
        cls.client = bigquery.Client(
            project="my-project", credentials=AnonymousCredentials(),
            client_options=ClientOptions(api_endpoint=f"http://{cls.http}"))
        channel = grpc.insecure_channel(cls.grpc,
                                        options=[("grpc.max_receive_message_length", -1)])
        cls.write = storage.BigQueryWriteClient(
            transport=BigQueryWriteGrpcTransport(channel=channel))
        cls.read = storage.BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))

    @classmethod
    def tearDownClass(cls):
        if CALLS.emulator is None:
            CALLS.stop(cls.server)
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
        with CALLS("create_dataset"):
            self.client.create_dataset(dataset)
        with CALLS("create_dataset again: 409"):
            with self.assertRaises(exceptions.Conflict):
                self.client.create_dataset("things")
            self.client.create_dataset("things", exists_ok=True)
        with CALLS("get_dataset"):
            got = self.client.get_dataset("things")
            self.assertEqual((got.description, got.labels), ("all things", {"a": "b"}))
        with CALLS("update_dataset"):
            got.friendly_name = "Things"
            self.client.update_dataset(got, ["friendly_name"])
            self.assertEqual(self.client.get_dataset("things").friendly_name, "Things")
        with CALLS("list_datasets"):
            self.assertIn("things", [item.dataset_id for item in self.client.list_datasets()])
        with CALLS("list_datasets, paged"):
            self.client.create_dataset("things2")
            page = next(self.client.list_datasets(page_size=1).pages)
            self.assertEqual(page.num_items, 1, "the page has more than were asked for")
        with CALLS("list_projects"):
            list(self.client.list_projects())
        with CALLS("delete_dataset that has tables: 400"):
            self.client.create_table(bigquery.Table("my-project.things.t", FIELDS))
            with self.assertRaises(exceptions.BadRequest):
                self.client.delete_dataset("things")
        with CALLS("delete_dataset with contents"):
            self.client.delete_dataset("things", delete_contents=True)
            with self.assertRaises(exceptions.NotFound):
                self.client.get_dataset("things")

    def test_tables(self):
        table = bigquery.Table("my-project.d.people", FIELDS)
        table.description = "people"
        with CALLS("create_table"):
            self.client.create_table(table)
        with CALLS("get_table"):
            got = self.client.get_table("d.people")
            self.assertEqual(got.schema, FIELDS)
            self.assertEqual((got.description, got.num_rows), ("people", 0))
        with CALLS("create_table again: 409"):
            with self.assertRaises(exceptions.Conflict):
                self.client.create_table(table)
            self.client.create_table(table, exists_ok=True)
        with CALLS("update_table: a column more"):
            stale = self.client.get_table("d.people")
            time.sleep(0.01)
            got.schema = [*FIELDS, bigquery.SchemaField("more", "STRING")]
            got = self.client.update_table(got, ["schema"])
            self.assertEqual(len(self.client.get_table("d.people").schema), len(FIELDS) + 1)
        with CALLS("update_table: labels, description"):
            got.labels = {"a": "b"}
            got.description = "all people"
            got = self.client.update_table(got, ["labels", "description"])
            self.assertEqual((got.labels, got.description), ({"a": "b"}, "all people"))
        with CALLS("update_table with an etag of before: 412"):
            with self.assertRaises(exceptions.PreconditionFailed, msg="it is accepted"):
                self.client.update_table(stale, ["description"])
        with CALLS("update_table: a column less: 400"):
            got.schema = FIELDS[:1]
            with self.assertRaises(exceptions.BadRequest):
                self.client.update_table(got, ["schema"])
        with CALLS("create_table: a view"):
            view = bigquery.Table("my-project.d.names")
            view.view_query = "SELECT name FROM `my-project.d.people`"
            self.client.create_table(view)
            self.assertEqual(self.client.get_table("d.names").table_type, "VIEW")
        with CALLS("list_tables"):
            self.assertEqual([item.table_id for item in self.client.list_tables("d")
                              if item.table_id in ("names", "people")], ["names", "people"])
        with CALLS("list_tables, paged"):
            page = next(self.client.list_tables("d", page_size=1).pages)
            self.assertEqual(page.num_items, 1, "the page has more than were asked for")
        with CALLS("delete_table"):
            self.client.delete_table("d.names")
            self.client.delete_table("d.people")
            with self.assertRaises(exceptions.NotFound):
                self.client.get_table("d.people")
        with CALLS("delete_table that is none: 404"):
            with self.assertRaises(exceptions.NotFound):
                self.client.delete_table("d.people")
            self.client.delete_table("d.people", not_found_ok=True)

    def test_table_options(self):
        table = bigquery.Table("my-project.d.parted", FIELDS)
        table.time_partitioning = bigquery.TimePartitioning(field="at", expiration_ms=86_400_000)
        table.clustering_fields = ["name"]
        table.expires = datetime.datetime(2100, 1, 1, tzinfo=datetime.timezone.utc)
        with CALLS("create_table: partitions, clusters, expiration are kept"):
            self.client.create_table(table)
            got = self.client.get_table("d.parted")
            self.assertEqual((got.time_partitioning.field, got.clustering_fields, got.expires),
                             ("at", ["name"], table.expires))
        with CALLS("create_table: partitions of integers are kept"):
            table = bigquery.Table("my-project.d.ranged", FIELDS)
            table.range_partitioning = bigquery.RangePartitioning(
                field="age", range_=bigquery.PartitionRange(start=0, end=100, interval=10))
            self.client.create_table(table)
            self.assertEqual(self.client.get_table("d.ranged").range_partitioning.field, "age")
        table = bigquery.Table("my-project.d.defaults", [
            bigquery.SchemaField("n", "INTEGER", default_value_expression="7")])
        self.unimplemented("create_table: default values", lambda: self.client.create_table(table),
                           exceptions.BadRequest, "has a default value")
        self.unimplemented("list_partitions", lambda: self.client.list_partitions("d.parted"))

    def test_what_there_is_none_of(self):
        with CALLS("list_routines"):
            self.assertEqual(list(self.client.list_routines("d")), [])
        with CALLS("list_models"):
            self.assertEqual(list(self.client.list_models("d")), [])
        routine = bigquery.Routine("my-project.d.twice", type_="SCALAR_FUNCTION", language="SQL",
                                   body="n * 2", arguments=[bigquery.RoutineArgument(
                                       name="n", data_type=bigquery.StandardSqlDataType(
                                           bigquery.StandardSqlTypeNames.INT64))])
        self.unimplemented("create_routine", lambda: self.client.create_routine(routine))
        self.client.create_table(bigquery.Table("my-project.d.plain_", FIELDS), exists_ok=True)
        with CALLS("get_routine, get_model: 404"):
            with self.assertRaises(exceptions.NotFound):
                self.client.get_routine("d.none")
            with self.assertRaises(exceptions.NotFound):
                self.client.get_model("d.none")
        self.unimplemented("get_iam_policy", lambda: self.client.get_iam_policy("d.plain_"))
        self.unimplemented("test_iam_permissions", lambda: self.client.test_iam_permissions(
            "d.plain_", ["bigquery.tables.get"]))
        self.unimplemented("extract_table", lambda: self.client.extract_table(
            "d.plain_", "gs://none/file.csv").result(timeout=10))
        with CALLS("load_table_from_uri: refused"):
            with self.assertRaises(exceptions.GoogleAPICallError, msg="a load of no file succeeds"):
                self.client.load_table_from_uri("gs://none/file.csv", "d.plain_").result(timeout=10)

    def unimplemented(self, call, method, error=exceptions.MethodNotImplemented,
                      says="joist serve has no "):
        """Notes a call that Joist doesn't have and says so, as what another server does with it."""
        with CALLS(call):
            if CALLS.emulator is not None:
                method()
                return
            with self.assertRaisesRegex(error, says):
                method()
            CALLS.note(call, f"{error.code.value}, which the message says")

    def test_insert_all_and_every_type(self):
        self.client.create_table(bigquery.Table("my-project.d.types", FIELDS))
        with CALLS("insert_rows_json"):
            self.assertEqual(self.client.insert_rows_json("d.types", [ROW, {"name": "Bob"}]), [])
        for call, rows in (
                ("list_rows: every type", lambda: self.client.list_rows("d.types")),
                ("query: every type", lambda: self.client.query(
                    "SELECT * FROM d.types ORDER BY age DESC NULLS LAST").result())):
            with CALLS(call):
                first, second = list(rows())
                self.assertEqual(dict(first.items()), VALUES)
                self.assertIsNone(second["paid"])
                self.assertEqual(second["tags"], [])
        with CALLS("insert_rows"):
            table = self.client.get_table("d.types")
            self.assertEqual(self.client.insert_rows(table, [{**VALUES, "data": ROW["data"],
                                                              "name": "Cid"}]), [])
        with CALLS("list_rows: selected fields"):
            rows = list(self.client.list_rows(table, selected_fields=[FIELDS[0]]))
            self.assertEqual(sorted(row.values() for row in rows),
                             [("Ann",), ("Bob",), ("Cid",)])

    def test_insert_all_says_what_is_wrong(self):
        self.client.create_table(bigquery.Table("my-project.d.wrong", FIELDS))
        rows = [{"name": "a", "age": "x"}, {"name": "b"}, {"name": "c", "nothing": 1}, {"age": 1}]
        with CALLS("insert_rows_json: what is wrong with each row"):
            errors = self.client.insert_rows_json("d.wrong", rows)
            reasons = {error["index"]: error["errors"][0] for error in errors}
            self.assertEqual(sorted(reasons), [0, 1, 2, 3], "not each row has an error")
            self.assertEqual(reasons[0]["location"], "age")
            self.assertEqual(reasons[1]["reason"], "stopped")
            self.assertIn("no such field", reasons[2]["message"])
            self.assertIn("Missing required field", reasons[3]["message"])
            self.assertEqual(self.one("SELECT COUNT(*) FROM d.wrong"), 0)
        with CALLS("insert_rows_json: skip_invalid_rows, ignore_unknown_values"):
            errors = self.client.insert_rows_json("d.wrong", rows, skip_invalid_rows=True,
                                                  ignore_unknown_values=True)
            self.assertEqual([error["index"] for error in errors], [0, 3])
            self.assertEqual([row[0] for row in self.client.query(
                "SELECT name FROM d.wrong ORDER BY 1").result()], ["b", "c"])
        with CALLS("insert_rows_json of no table: 404"):
            with self.assertRaises(exceptions.NotFound):
                self.client.insert_rows_json("d.nothing", [{"a": 1}], retry=None)

    def test_insert_ids(self):
        self.client.create_table(bigquery.Table("my-project.d.ids", FIELDS))
        with CALLS("insert_rows_json: the same row_ids again"):
            for _ in range(2):
                self.client.insert_rows_json("d.ids", [{"name": "a"}, {"name": "b"}],
                                             row_ids=["1", "2"])
            self.assertEqual(self.one("SELECT COUNT(*) FROM d.ids"), 2, "rows are there twice")

    def test_load_json(self):
        with CALLS("load_table_from_json: every type"):
            job = self.client.load_table_from_json(
                [ROW, {"name": "Bob"}], "d.loaded",
                job_config=bigquery.LoadJobConfig(schema=FIELDS))
            self.assertEqual(job.result().output_rows, 2)
            rows = {row["name"]: dict(row.items()) for row in self.client.list_rows("d.loaded")}
            self.assertEqual(rows["Ann"], VALUES)
        with CALLS("load_table_from_json: schema detected"):
            self.client.load_table_from_json([{"n": 1, "t": "x"}, {"n": 2.5}], "d.detected").result()
            self.assertEqual([(f.name, f.field_type)
                              for f in self.client.get_table("d.detected").schema],
                             [("n", "FLOAT"), ("t", "STRING")])
        with CALLS("load job: WRITE_TRUNCATE"):
            config = bigquery.LoadJobConfig(write_disposition="WRITE_TRUNCATE")
            self.client.load_table_from_json([{"n": 3}], "d.detected", job_config=config).result()
            self.assertEqual(self.one("SELECT SUM(n) FROM d.detected"), 3)
        with CALLS("load job: WRITE_EMPTY of a table with rows: refused"):
            config = bigquery.LoadJobConfig(write_disposition="WRITE_EMPTY")
            with self.assertRaises(exceptions.GoogleAPICallError):
                self.client.load_table_from_json([{"n": 3}], "d.detected",
                                                 job_config=config).result()
        with CALLS("load job: CREATE_NEVER of no table: 404"):
            config = bigquery.LoadJobConfig(create_disposition="CREATE_NEVER")
            with self.assertRaises(exceptions.NotFound):
                self.client.load_table_from_json([{"n": 3}], "d.never", job_config=config).result()
        with CALLS("load job: max_bad_records"):
            config = bigquery.LoadJobConfig(max_bad_records=1, source_format="CSV", schema=[
                bigquery.SchemaField("n", "INTEGER")])
            self.client.load_table_from_file(io.BytesIO(b"1\nx\n3\n"), "d.bad_records",
                                             job_config=config).result()
            self.assertEqual(self.one("SELECT SUM(n) FROM d.bad_records"), 4)

    def test_load_file(self):
        config = bigquery.LoadJobConfig(source_format="CSV", skip_leading_rows=1, schema=[
            bigquery.SchemaField("n", "INTEGER"), bigquery.SchemaField("t", "STRING")])
        text = "n,t\n" + "".join(f'{i},"text, ""{i}"""\n' for i in range(50_000))
        with CALLS("load_table_from_file: CSV of 50,000 rows (resumable)"):
            self.client.load_table_from_file(io.BytesIO(text.encode()), "d.csv",
                                             job_config=config).result()
            self.assertEqual(self.one("SELECT COUNT(*) FROM d.csv"), 50_000)
            self.assertEqual(self.one("SELECT t FROM d.csv WHERE n = 7"), 'text, "7"')
        with CALLS("load_table_from_file: CSV with a bad row: 400"):
            with self.assertRaises(exceptions.BadRequest):
                self.client.load_table_from_file(io.BytesIO(b"n,t\nx,y\n"), "d.csv",
                                                 job_config=config).result()
        with CALLS("load_table_from_file: tabs, null marker"):
            config = bigquery.LoadJobConfig(source_format="CSV", field_delimiter="\t",
                                            null_marker="-", schema=config.schema)
            self.client.load_table_from_file(io.BytesIO(b"1\ta\n2\t-\n"), "d.tabs",
                                             job_config=config).result()
            self.assertEqual([tuple(row.values()) for row in self.client.query(
                "SELECT * FROM d.tabs ORDER BY n").result()], [(1, "a"), (2, None)])
        with CALLS("load_table_from_file: CSV in gzip"):
            config = bigquery.LoadJobConfig(source_format="CSV", schema=[
                bigquery.SchemaField("n", "INTEGER")])
            self.client.load_table_from_file(io.BytesIO(gzip.compress(b"1\n2\n")), "d.zipped",
                                             job_config=config).result()
            self.assertEqual(self.one("SELECT SUM(n) FROM d.zipped"), 3)
        with CALLS("load_table_from_file: gzip that is damaged: 400"):
            with self.assertRaises(exceptions.BadRequest):
                self.client.load_table_from_file(io.BytesIO(gzip.compress(b"1\n2\n")[:-9]),
                                                 "d.zipped", job_config=config).result()
        with CALLS("load job: ALLOW_FIELD_ADDITION"):
            config = bigquery.LoadJobConfig(
                schema_update_options=["ALLOW_FIELD_ADDITION"], schema=[
                    bigquery.SchemaField("n", "INTEGER"), bigquery.SchemaField("more", "STRING")])
            self.client.load_table_from_json([{"n": 3, "more": "x"}], "d.zipped",
                                             job_config=config).result()
            self.assertEqual(len(self.client.get_table("d.zipped").schema), 2)
        for source in ("PARQUET", "AVRO"):
            self.unloadable(source)

    def unloadable(self, source):
        """Notes a format of files that Joist doesn't load."""
        file = io.BytesIO()
        if source == "PARQUET":
            import pyarrow.parquet

            pyarrow.parquet.write_table(pyarrow.table({"n": [1, 2]}), file)
        else:
            fastavro.writer(file, {"type": "record", "name": "R", "fields": [
                {"name": "n", "type": "long"}]}, [{"n": 1}, {"n": 2}])
        file.seek(0)
        call = f"load_table_from_file: {source}"
        with CALLS(call):
            def load():
                return self.client.load_table_from_file(
                    file, f"d.of_{source}", job_config=bigquery.LoadJobConfig(source_format=source)
                ).result()

            if CALLS.emulator is not None:
                self.assertEqual(load().output_rows, 2)
                return
            with self.assertRaisesRegex(exceptions.BadRequest, "must be CSV or NEWLINE_DELIM"):
                load()
            CALLS.note(call, "400, which the message says")

    def test_queries(self):
        with CALLS("query"):
            self.assertEqual(self.one("SELECT 1 + 1"), 2)
        with CALLS("query_and_wait"):
            rows = self.client.query_and_wait("SELECT x FROM UNNEST([3, 1, 2]) AS x ORDER BY x")
            self.assertEqual([row.x for row in rows], [1, 2, 3])
        with CALLS("query: named parameters"):
            config = bigquery.QueryJobConfig(query_parameters=[
                bigquery.ScalarQueryParameter("n", "INT64", 5),
                bigquery.ScalarQueryParameter("t", "TIMESTAMP", datetime.datetime(
                    2024, 1, 1, tzinfo=datetime.timezone.utc)),
                bigquery.ArrayQueryParameter("a", "STRING", ["x", "y"])])
            row = next(iter(self.client.query("SELECT @n, @t, @a", job_config=config).result()))
            self.assertEqual((row[0], row[1].year, row[2]), (5, 2024, ["x", "y"]))
        with CALLS("query: positional parameters"):
            config = bigquery.QueryJobConfig(query_parameters=[
                bigquery.ScalarQueryParameter(None, "INT64", 5),
                bigquery.ScalarQueryParameter(None, "INT64", 6)])
            self.assertEqual(self.one("SELECT ? * ?", job_config=config), 30)
        with CALLS("query: a struct as a parameter"):
            config = bigquery.QueryJobConfig(query_parameters=[bigquery.StructQueryParameter(
                "s", bigquery.ScalarQueryParameter("a", "INT64", 5))])
            if CALLS.emulator is None:
                with self.assertRaises(exceptions.BadRequest):
                    self.one("SELECT @s.a", job_config=config)
                CALLS.note("query: a struct as a parameter", "400, which the message says")
            else:
                self.assertEqual(self.one("SELECT @s.a", job_config=config), 5)
        with CALLS("query that is none: 400 invalidQuery"):
            with self.assertRaises(exceptions.BadRequest) as caught:
                self.client.query("SELEC 1").result()
            self.assertEqual(caught.exception.errors[0]["reason"], "invalidQuery")
        with CALLS("query of no table: 404"):
            with self.assertRaises(exceptions.NotFound):
                self.client.query("SELECT * FROM d.nothing").result()
        with CALLS("query: dry run"):
            config = bigquery.QueryJobConfig(dry_run=True)
            dry = self.client.query("SELECT 'a' AS t", job_config=config)
            self.assertEqual(dry.schema[0].name, "t")
            with self.assertRaises(exceptions.BadRequest):
                self.client.query("SELEC 1", job_config=config)
        with CALLS("query: default dataset"):
            self.client.query("CREATE TABLE d.in_default AS SELECT 4 AS n").result()
            config = bigquery.QueryJobConfig(default_dataset="my-project.d")
            self.assertEqual(self.one("SELECT n FROM in_default", job_config=config), 4)
        with CALLS("query with use_legacy_sql"):
            config = bigquery.QueryJobConfig(use_legacy_sql=True)
            self.assertEqual(self.one("SELECT 1", job_config=config), 1)
            CALLS.note("query with use_legacy_sql", "taken as standard SQL")
        with CALLS("query: files and URLs are out of reach"):
            with self.assertRaises(exceptions.GoogleAPICallError, msg="a query reads files"):
                self.client.query("SELECT * FROM read_text('/etc/hostname')").result()

    def test_sql(self):
        for name, sql, expected in (
                ("SAFE_CAST", "SELECT SAFE_CAST('x' AS INT64)", None),
                ("TIMESTAMP_TRUNC", "SELECT FORMAT_TIMESTAMP('%H', TIMESTAMP_TRUNC(TIMESTAMP "
                 "'2024-05-06 07:08:09+00', HOUR))", "07"),
                ("COUNTIF", "SELECT COUNTIF(x > 1) FROM UNNEST([1, 2, 3]) AS x", 2),
                ("SAFE_DIVIDE, IFNULL", "SELECT IFNULL(SAFE_DIVIDE(1, 0), 7)", 7),
                ("STRUCT", "SELECT STRUCT(1 AS a, 'x' AS b)", {"a": 1, "b": "x"}),
                ("ARRAY_AGG with ORDER BY", "SELECT ARRAY_AGG(x ORDER BY x) FROM "
                 "UNNEST([3, 1, 2]) AS x", [1, 2, 3]),
                ("EXCEPT", "SELECT * EXCEPT (b) FROM (SELECT 1 AS a, 2 AS b)", 1),
                ("REGEXP_EXTRACT", "SELECT REGEXP_EXTRACT('ab12', r'[0-9]+')", "12"),
                ("DATE_DIFF", "SELECT DATE_DIFF(DATE '2024-03-01', DATE '2024-02-01', DAY)", 29),
                ("JSON_VALUE", "SELECT JSON_VALUE('{\"a\": {\"b\": \"c\"}}', '$.a.b')", "c"),
                ("APPROX_COUNT_DISTINCT", "SELECT APPROX_COUNT_DISTINCT(x) FROM "
                 "UNNEST([1, 1]) AS x", 1),
                ("QUALIFY", "SELECT x FROM UNNEST([1, 2]) AS x WHERE TRUE "
                 "QUALIFY ROW_NUMBER() OVER (ORDER BY x DESC) = 1", 2),
                ("GENERATE_ARRAY", "SELECT ARRAY_LENGTH(GENERATE_ARRAY(1, 10))", 10)):
            with CALLS("SQL: " + name):
                self.assertEqual(self.one(sql), expected)
        for name, sql, error, says in (
                ("FARM_FINGERPRINT", "SELECT FARM_FINGERPRINT('a')", exceptions.BadRequest,
                 "does not exist"),
                ("a script", "SELECT 1; SELECT 2", exceptions.BadRequest, "one statement"),
                ("DECLARE", "DECLARE x INT64 DEFAULT 3; SELECT x", exceptions.BadRequest,
                 "DECLARE|one statement"),
                ("CREATE TEMP FUNCTION", "CREATE TEMP FUNCTION f(x INT64) AS (x * 2); SELECT f(2)",
                 exceptions.BadRequest, "of CREATE, only|one statement"),
                ("INFORMATION_SCHEMA", "SELECT table_name FROM d.INFORMATION_SCHEMA.TABLES",
                 exceptions.NotFound, "INFORMATION_SCHEMA"),
                ("tables by a wildcard", "SELECT COUNT(*) FROM `d.part_*`", exceptions.NotFound,
                 "part_")):
            self.client.query("CREATE OR REPLACE TABLE d.part_1 AS SELECT 1 AS n").result()
            self.unimplemented("SQL: " + name, lambda sql=sql: self.one(sql), error, says)

    def test_pages(self):
        with CALLS("query: results as Arrow by REST"):
            table = self.client.query("SELECT 1 AS a, 'x' AS b").result().to_arrow(
                create_bqstorage_client=False)
            self.assertEqual(table.to_pylist(), [{"a": 1, "b": "x"}])
        with CALLS("query: results by page"):
            rows = self.client.query("SELECT n FROM UNNEST(GENERATE_ARRAY(1, 25000)) AS n").result(
                page_size=10_000)
            self.assertEqual(sum(row[0] for row in rows), 25_000 * 25_001 // 2)
        with CALLS("list_rows by page"):
            self.client.query("CREATE TABLE d.many AS SELECT n FROM "
                              "UNNEST(GENERATE_ARRAY(1, 25000)) AS n").result()
            self.assertEqual(sum(row[0] for row in self.client.list_rows("d.many", page_size=7000)),
                             25_000 * 25_001 // 2)
        with CALLS("list_rows: start_index, max_results"):
            self.assertEqual([row[0] for row in self.client.list_rows(
                "d.many", start_index=24_998)], [24_999, 25_000])
            self.assertEqual(len(list(self.client.list_rows("d.many", max_results=3))), 3)
        with CALLS("get_table: num_rows"):
            self.assertEqual(self.client.get_table("d.many").num_rows, 25_000)

    def test_dml_ddl_and_destinations(self):
        with CALLS("query: CREATE TABLE"):
            self.client.query("CREATE TABLE d.changed (n INT64, t STRING)").result()
        with CALLS("query: INSERT"):
            job = self.client.query("INSERT INTO d.changed VALUES (1, 'a'), (2, 'b')")
            job.result()
            self.assertEqual(job.num_dml_affected_rows, 2, "the count of rows is missing")
            self.assertEqual(job.statement_type, "INSERT")
        with CALLS("query: UPDATE"):
            job = self.client.query("UPDATE d.changed SET t = 'c' WHERE n = 2")
            job.result()
            self.assertEqual(job.num_dml_affected_rows, 1, "the count of rows is missing")
        with CALLS("query: DELETE"):
            job = self.client.query("DELETE FROM d.changed WHERE n = 1")
            job.result()
            self.assertEqual(job.num_dml_affected_rows, 1, "the count of rows is missing")
        with CALLS("query: MERGE"):
            self.client.query(
                "MERGE d.changed USING (SELECT 2 AS n, 'b' AS t) AS s ON changed.n = s.n "
                "WHEN MATCHED THEN UPDATE SET t = s.t WHEN NOT MATCHED THEN "
                "INSERT (n, t) VALUES (s.n, s.t)").result()
            self.assertEqual(self.one("SELECT t FROM d.changed"), "b")
        with CALLS("query into a destination, WRITE_TRUNCATE"):
            config = bigquery.QueryJobConfig(destination="my-project.d.chosen",
                                             write_disposition="WRITE_TRUNCATE")
            self.client.query("SELECT * FROM d.changed", job_config=config).result()
            self.assertEqual(self.one("SELECT t FROM d.chosen"), "b")
        with CALLS("query into a destination, WRITE_APPEND"):
            config = bigquery.QueryJobConfig(destination="my-project.d.chosen",
                                             write_disposition="WRITE_APPEND")
            self.client.query("SELECT * FROM d.changed", job_config=config).result()
            self.assertEqual(self.one("SELECT COUNT(*) FROM d.chosen"), 2)

    def test_copies(self):
        self.client.create_table(bigquery.Table("my-project.d.source", FIELDS))
        self.client.insert_rows_json("d.source", [ROW, {"name": "Bob"}])
        with CALLS("copy_table: rows and schema"):
            self.client.copy_table("my-project.d.source", "my-project.d.copied").result()
            self.assertEqual(self.one("SELECT COUNT(*) FROM d.copied"), 2)
            self.assertEqual(self.client.get_table("d.copied").schema, FIELDS,
                             "the schema is another")
        with CALLS("copy_table of several, WRITE_APPEND"):
            config = bigquery.CopyJobConfig(write_disposition="WRITE_APPEND")
            self.client.copy_table(["my-project.d.source", "my-project.d.source"],
                                   "my-project.d.copied", job_config=config).result()
            self.assertEqual(self.one("SELECT COUNT(*) FROM d.copied"), 6)
        with CALLS("copy_table, WRITE_EMPTY, to a table with rows: 409"):
            with self.assertRaises(exceptions.Conflict):
                self.client.copy_table("my-project.d.source", "my-project.d.copied").result()
        with CALLS("copy_table of no table: 404"):
            with self.assertRaises(exceptions.NotFound):
                self.client.copy_table("my-project.d.nothing", "my-project.d.x").result()

    def test_jobs(self):
        job = self.client.query("SELECT 1")
        job.result()
        with CALLS("get_job"):
            self.assertEqual(self.client.get_job(job.job_id).state, "DONE")
        with CALLS("list_jobs"):
            self.assertIn(job.job_id, [item.job_id for item in self.client.list_jobs()])
        with CALLS("list_jobs: since a time"):
            future = datetime.datetime(2100, 1, 1, tzinfo=datetime.timezone.utc)
            self.assertEqual(list(self.client.list_jobs(min_creation_time=future)), [])
            self.assertGreater(len(list(self.client.list_jobs(max_creation_time=future))), 0)
        with CALLS("create_job, and its labels"):
            job_of_map = self.client.create_job({
                "query": {"query": "SELECT 1", "useLegacySql": False}, "labels": {"a": "b"}})
            self.assertEqual((job_of_map.result().total_rows, job_of_map.labels), (1, {"a": "b"}))
        with CALLS("list_jobs: state_filter"):
            self.assertEqual([item.job_id for item in self.client.list_jobs(
                state_filter="running")], [], "jobs that are done are listed")
        with CALLS("a job's id again: 409"):
            with self.assertRaises(exceptions.Conflict):
                self.client.query("SELECT 1", job_id=job.job_id, retry=None, job_retry=None)
        with CALLS("cancel_job"):
            numbers = "UNNEST(GENERATE_ARRAY(1, 1000000))"
            slow = self.client.query(f"SELECT COUNT(*) FROM {numbers} AS a, {numbers} AS b "
                                     "WHERE a * b - FLOOR(a * b / 7) * 7 = 3")
            self.assertEqual(self.client.get_job(slow.job_id).state, "RUNNING")
            self.client.cancel_job(slow.job_id)
            try:
                with self.assertRaises(exceptions.GoogleAPICallError):
                    slow.result(timeout=20)
            except TimeoutError:
                self.fail("the query goes on")
        with CALLS("delete_job_metadata"):
            self.client.delete_job_metadata(job.job_id)
            with self.assertRaises(exceptions.NotFound):
                self.client.get_job(job.job_id)
        with CALLS("get_job that is none: 404"):
            with self.assertRaises(exceptions.NotFound):
                self.client.get_job("nothing")

    @unittest.skipIf(shutil.which("bq") is None, "there is no bq")
    def test_bq(self):
        home = tempfile.mkdtemp(prefix=f"joist_bq_{os.getpid()}_")
        self.addCleanup(shutil.rmtree, home, ignore_errors=True)

        def bq(*words, check=lambda out: True):
            names = [word for word in words if not word.startswith("-")]
            kind = " ".join(word for word in words if word in ("-d", "-t", "-j", "--view"))
            call = f"bq {names[0]} {kind}".strip()
            with CALLS(call):
                # The token is none: a server on loopback asks for no account.
                done = subprocess.run(
                    ["bq", "--api", f"http://{self.http}", "--project_id=my-project",
                     "--oauth_access_token=none", "--format=json", *words],
                    capture_output=True, text=True, timeout=60, check=False,
                    env={**calls.without_clients(), "HOME": home, "CLOUDSDK_CONFIG": home,
                         "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
                         "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1"})
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertTrue(check(done.stdout), done.stdout)

        def file_of(name, text):
            with open(os.path.join(home, name), "w", encoding="utf-8") as file:
                file.write(text)
            return file.name

        bq("mk", "-d", "of_bq")
        bq("mk", "-t", "of_bq.made", "n:INTEGER,t:STRING")
        bq("ls", "of_bq", check=lambda out: "made" in out)
        bq("load", "--skip_leading_rows=1", "of_bq.t", file_of("t.csv", "n,t\n1,a\n2,b\n"),
           "n:INTEGER,t:STRING")
        bq("insert", "of_bq.t", file_of("t.json", '{"n": 3, "t": "c"}'))
        bq("query", "--nouse_legacy_sql", "--parameter=n:INT64:1",
           "SELECT t FROM of_bq.t WHERE n > @n ORDER BY n",
           check=lambda out: json.loads(out) == [{"t": "b"}, {"t": "c"}])
        bq("show", "of_bq.t", check=lambda out: json.loads(out)["numRows"] == "3")
        bq("head", "of_bq.t", check=lambda out: len(json.loads(out)) == 3)
        bq("update", "--description=all", "of_bq.t")
        bq("cp", "of_bq.t", "of_bq.copied")
        bq("mk", "--nouse_legacy_sql", "--view", "SELECT t FROM of_bq.t", "of_bq.v")
        bq("ls", "-j", "my-project:", check=lambda out: len(json.loads(out)) > 2)
        bq("rm", "-f", "-t", "of_bq.t")
        bq("rm", "-r", "-f", "-d", "of_bq")


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
        return list(self.write.append_rows(iter(requests), timeout=50))

    def make_stream(self, parent, kind):
        return self.write.create_write_stream(
            parent=parent, write_stream=types.WriteStream(type_=kind))

    def count(self, table):
        return self.one(f"SELECT COUNT(*) FROM d.{table}")

    def test_default_stream(self):
        parent = self.make_table("plain")
        with CALLS("AppendRows: the default stream"):
            answers = self.append(*(self.request(f"{parent}/streams/_default", range(i, i + 10))
                                    for i in range(0, 1000, 10)))
            self.assertEqual(len(answers), 100)
            self.assertEqual([answer.error.code for answer in answers], [0] * 100)
            self.assertEqual(self.one("SELECT SUM(number) FROM d.plain"), 999 * 1000 // 2)
        with CALLS("GetWriteStream: the default stream"):
            self.assertEqual(self.write.get_write_stream(name=f"{parent}/streams/_default").name,
                             f"{parent}/streams/_default")
        with CALLS("AppendRows with an offset to the default stream: refused"):
            with self.assertRaises(exceptions.InvalidArgument, msg="it is accepted"):
                answers = self.append(self.request(f"{parent}/streams/_default", [1], 0))
                if answers[0].error.code == 3:
                    raise exceptions.InvalidArgument(answers[0].error.message)
        with CALLS("AppendRows: rows as Arrow"):
            batch = pyarrow.record_batch({"name": ["a", "b"],
                                          "number": pyarrow.array([1, 2], pyarrow.int64())})
            request = types.AppendRowsRequest(
                write_stream=f"{parent}/streams/_default",
                arrow_rows=types.AppendRowsRequest.ArrowData(
                    writer_schema=types.ArrowSchema(
                        serialized_schema=batch.schema.serialize().to_pybytes()),
                    rows=types.ArrowRecordBatch(
                        serialized_record_batch=batch.serialize().to_pybytes())))
            if CALLS.emulator is None:
                with self.assertRaisesRegex(exceptions.GoogleAPICallError, "[Pp]rotocol|proto_rows"):
                    self.append(request)
                CALLS.note("AppendRows: rows as Arrow", "refused, which the message says")
            else:
                self.assertEqual(self.append(request)[0].error.code, 0)

    def test_committed_stream_with_offsets(self):
        parent = self.make_table("committed")
        with CALLS("CreateWriteStream: COMMITTED"):
            stream = self.make_stream(parent, types.WriteStream.Type.COMMITTED)
            self.assertEqual([field.name for field in stream.table_schema.fields],
                             ["name", "number"], "the answer is without the table's schema")
        with CALLS("AppendRows at offsets; one that was and one to come: 6, 11"):
            answers = self.append(self.request(stream.name, range(0, 5), 0),
                                  self.request(stream.name, range(5, 9), 5),
                                  self.request(stream.name, range(0, 5), 0),
                                  self.request(stream.name, range(0, 5), 50),
                                  self.request(stream.name, range(9, 10), 9))
            self.assertEqual([answer.error.code for answer in answers], [0, 0, 6, 11, 0])
            self.assertEqual([answer.append_result.offset for answer in answers
                              if not answer.error.code], [0, 5, 9])
        with CALLS("FinalizeWriteStream"):
            self.assertEqual(self.write.finalize_write_stream(name=stream.name).row_count, 10)
        with CALLS("GetWriteStream"):
            self.assertEqual(self.write.get_write_stream(name=stream.name).type_,
                             types.WriteStream.Type.COMMITTED)
        with CALLS("AppendRows to a finalized stream: refused"):
            self.assertIn(self.append(self.request(stream.name, [1], 10))[0].error.code, (3, 9))
            self.assertEqual(self.count("committed"), 10)

    def test_buffered_stream(self):
        parent = self.make_table("buffered")
        with CALLS("CreateWriteStream: BUFFERED"):
            stream = self.make_stream(parent, types.WriteStream.Type.BUFFERED)
        with CALLS("AppendRows to a BUFFERED stream: not to be seen"):
            self.append(self.request(stream.name, range(10), 0))
            self.assertEqual(self.count("buffered"), 0, "rows are seen before they are flushed")
        with CALLS("FlushRows"):
            self.write.flush_rows(types.FlushRowsRequest(write_stream=stream.name, offset=6))
            self.assertEqual(self.count("buffered"), 7)
        with CALLS("FlushRows beyond the end: refused"):
            with self.assertRaises(exceptions.GoogleAPICallError, msg="it is accepted"):
                self.write.flush_rows(types.FlushRowsRequest(write_stream=stream.name, offset=60))

    def test_pending_streams(self):
        parent = self.make_table("pending")
        names = []
        with CALLS("CreateWriteStream: PENDING"):
            for begin in (0, 10):
                stream = self.make_stream(parent, types.WriteStream.Type.PENDING)
                self.append(self.request(stream.name, range(begin, begin + 10), 0))
                names.append(stream.name)
            self.assertEqual(self.count("pending"), 0, "rows are seen before they are committed")
        request = types.BatchCommitWriteStreamsRequest(parent=parent, write_streams=names)
        with CALLS("BatchCommitWriteStreams before they are finalized: an error each"):
            answer = self.write.batch_commit_write_streams(request)
            self.assertEqual(answer.stream_errors[0].code,
                             types.StorageError.StorageErrorCode.INVALID_STREAM_STATE)
        with CALLS("BatchCommitWriteStreams"):
            for name in names:
                self.write.finalize_write_stream(name=name)
            answer = self.write.batch_commit_write_streams(request)
            self.assertEqual(len(answer.stream_errors), 0)
            self.assertEqual(self.one("SELECT SUM(number) FROM d.pending"), 190)

    def test_faults(self):
        parent = self.make_table("faults")
        with CALLS("AppendRows with a row that is malformed: 3, and which"):
            request = self.request(f"{parent}/streams/_default", [1])
            request.proto_rows.rows.serialized_rows.append(b"\xff\xff")
            answer = self.append(request)[0]
            self.assertEqual((answer.error.code, answer.row_errors[0].index), (3, 1))
            self.assertEqual(self.count("faults"), 0)
        with CALLS("AppendRows to no table: NOT_FOUND"):
            with self.assertRaises(exceptions.NotFound):
                self.append(self.request(
                    "projects/my-project/datasets/d/tables/no/streams/_default", [1]))
        with CALLS("CreateWriteStream of no table: NOT_FOUND"):
            with self.assertRaises(exceptions.NotFound):
                self.make_stream("projects/my-project/datasets/d/tables/no",
                                 types.WriteStream.Type.COMMITTED)

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

        with CALLS("AppendRows while the table gets a column"):
            answers = self.append(*requests())
            self.assertEqual([answer.error.code for answer in answers], [0, 0, 0])
            self.assertEqual(self.count("grows"), 3)

    def read_rows(self, table, data_format, streams=1, **options):
        name = types.DataFormat(data_format).name
        session = self.read.create_read_session(
            parent="projects/my-project",
            read_session=types.ReadSession(
                table=f"projects/my-project/datasets/d/tables/{table}", data_format=data_format,
                read_options=types.ReadSession.TableReadOptions(**options)),
            max_stream_count=streams)
        CALLS.note(f"CreateReadSession: {name}", "")
        rows = []
        for stream in session.streams:
            for row in self.read.read_rows(stream.name).rows(session):
                rows.append({key: value.as_py() if hasattr(value, "as_py") else value
                             for key, value in row.items()})
        return session, rows

    def test_read(self):
        self.client.create_table(bigquery.Table("my-project.d.all", FIELDS))
        self.client.insert_rows_json("d.all", [ROW, {"name": "Bob"}])
        for data_format in (types.DataFormat.AVRO, types.DataFormat.ARROW):
            name = types.DataFormat(data_format).name
            with CALLS(f"ReadRows: {name}, every type"):
                _, rows = self.read_rows("all", data_format)
                expected = dict(VALUES)
                rows[0]["data"] = json.loads(rows[0]["data"])
                if data_format == types.DataFormat.AVRO:
                    expected["local"] = "2024-05-06T07:08:09"
                self.assertEqual(rows[0], expected)
                self.assertEqual((rows[1]["name"], rows[1]["age"], rows[1]["tags"]),
                                 ("Bob", None, []))
            with CALLS(f"ReadRows: {name}, selected fields and a restriction"):
                _, rows = self.read_rows("all", data_format, selected_fields=["age", "name"],
                                         row_restriction='name = "Ann" AND age > 3')
                self.assertEqual(rows, [{"name": "Ann", "age": 30}])
        with CALLS("CreateReadSession with a restriction that is none: INVALID_ARGUMENT"):
            with self.assertRaises(exceptions.InvalidArgument):
                self.read_rows("all", types.DataFormat.AVRO, row_restriction="name =")
        with CALLS("CreateReadSession of no table: NOT_FOUND"):
            with self.assertRaises(exceptions.NotFound):
                self.read_rows("nothing", types.DataFormat.AVRO)

    def test_read_in_streams(self):
        self.client.query("CREATE TABLE d.wide AS SELECT n FROM "
                          "UNNEST(GENERATE_ARRAY(1, 60000)) AS n").result()
        with CALLS("ReadRows: 4 streams"):
            session, rows = self.read_rows("wide", types.DataFormat.ARROW, streams=4)
            self.assertEqual(sorted(row["n"] for row in rows), list(range(1, 60_001)))
            counts = [sum(1 for _ in self.read.read_rows(stream.name).rows(session))
                      for stream in session.streams]
            self.assertIn(len(counts), (1, 2, 3, 4))
            if CALLS.emulator is None:
                self.assertEqual(counts, [15_000] * 4)
        with CALLS("SplitReadStream"):
            split = self.read.split_read_stream(types.SplitReadStreamRequest(
                name=session.streams[0].name, fraction=0.25))
            parts = [sum(1 for _ in self.read.read_rows(stream.name).rows(session))
                     for stream in (split.primary_stream, split.remainder_stream)]
            self.assertEqual(parts, [counts[0] // 4, counts[0] - counts[0] // 4])
        with CALLS("ReadRows from an offset on"):
            rest = sum(1 for _ in self.read.read_rows(session.streams[0].name,
                                                      offset=counts[0] - 1000).rows(session))
            self.assertEqual(rest, 1000)
        with CALLS("list_rows().to_arrow() by the Read API"):
            table = self.client.list_rows("d.wide").to_arrow(bqstorage_client=self.read)
            self.assertEqual(table.num_rows, 60_000)


@unittest.skipIf(CALLS.emulator is not None, "another server is not killed")
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
            self.server.stdout.close()
            self.start()
        with CALLS("AppendRows at offsets, the server killed six times: each row once"):
            self.assertGreater(done, 0)
            total = self.one("SELECT COUNT(*) FROM d.t")
            self.assertGreaterEqual(total, done)
            self.assertEqual(self.one("SELECT COUNT(DISTINCT number) FROM d.t"), total)
            self.assertEqual(self.one("SELECT MAX(number) FROM d.t"), total - 1)


if __name__ == "__main__":
    sys.exit(CALLS.run(250))
