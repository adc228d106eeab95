#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# pubsub_client_test.py JOIST | --emulator=HOST:PORT: Google's client library for Python, the REST form
# of its API and gcloud against `joist serve`, or against a server that runs already (Google's
# emulator, to compare). Prints a table of the calls that were tried. Skipped without
# google-cloud-pubsub.

import concurrent.futures
import datetime
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../testing"))
import calls

try:
    from google.api_core import exceptions
    from google.cloud import pubsub_v1
    from google.iam.v1 import iam_policy_pb2, policy_pb2
    from google.protobuf import duration_pb2, field_mask_pb2
    from google.pubsub_v1 import PublisherClient as GeneratedPublisher
except ImportError as missing:
    calls.skip(missing)

CALLS = calls.Calls("Google's client for Pub/Sub against a server.")
PROJECT = f"projects/p{os.getpid()}"
# HOST:PORT of REST.
REST = CALLS.emulator


class PubsubClientTest(unittest.TestCase):
    number = 0

    def setUp(self):
        PubsubClientTest.number += 1
        self.publisher = pubsub_v1.PublisherClient(
            publisher_options=pubsub_v1.types.PublisherOptions(enable_message_ordering=True))
        self.subscriber = pubsub_v1.SubscriberClient()
        self.topic = f"{PROJECT}/topics/topic-{self.number}"
        self.subscription = f"{PROJECT}/subscriptions/sub-{self.number}"
        with CALLS("CreateTopic"):
            self.publisher.create_topic(request={"name": self.topic})

    def tearDown(self):
        self.publisher.stop()
        self.subscriber.close()

    def subscribe(self, **settings):
        return self.subscriber.create_subscription(
            request={"name": self.subscription, "topic": self.topic, **settings})

    def publish(self, *texts, **attributes):
        return [self.publisher.publish(self.topic, text.encode(), **attributes).result(30)
                for text in texts]

    def pull(self, most=10, seconds=3, subscription=None):
        """Pulls until there is something, for a while."""
        end = time.time() + seconds
        while True:
            received = self.subscriber.pull(
                request={"subscription": subscription or self.subscription, "max_messages": most},
                timeout=max(1, end - time.time()), retry=None).received_messages
            if received or time.time() >= end:
                return received

    def pull_nothing(self):
        try:
            received = self.subscriber.pull(
                request={"subscription": self.subscription, "max_messages": 10,
                         "return_immediately": True}, timeout=5, retry=None).received_messages
        except exceptions.DeadlineExceeded:
            received = []
        self.assertEqual([m.message.data for m in received], [], "there are messages")

    def texts(self, received):
        return [m.message.data.decode() for m in received]

    def ack(self, received, subscription=None):
        self.subscriber.acknowledge(request={"subscription": subscription or self.subscription,
                                             "ack_ids": [m.ack_id for m in received]})

    def nack(self, received):
        self.subscriber.modify_ack_deadline(request={
            "subscription": self.subscription, "ack_ids": [m.ack_id for m in received],
            "ack_deadline_seconds": 0})

    def test_topics(self):
        with CALLS("GetTopic"):
            self.assertEqual(self.publisher.get_topic(request={"topic": self.topic}).name,
                             self.topic)
        with CALLS("ListTopics, paged"):
            for i in range(5):
                self.publisher.create_topic(request={"name": f"{self.topic}-{i}"})
            listed = [t.name for t in self.publisher.list_topics(
                request={"project": PROJECT, "page_size": 2})]
            for i in range(5):
                self.assertIn(f"{self.topic}-{i}", listed)
        with CALLS("UpdateTopic labels"):
            updated = self.publisher.update_topic(request={
                "topic": {"name": self.topic, "labels": {"team": "a"}},
                "update_mask": field_mask_pb2.FieldMask(paths=["labels"])})
            self.assertEqual(dict(updated.labels), {"team": "a"})
        with CALLS("CreateTopic again: ALREADY_EXISTS"):
            with self.assertRaises(exceptions.AlreadyExists):
                self.publisher.create_topic(request={"name": self.topic})
        with CALLS("GetTopic of none: NOT_FOUND"):
            with self.assertRaises(exceptions.NotFound):
                self.publisher.get_topic(request={"topic": f"{PROJECT}/topics/none"})
        with CALLS("CreateTopic with a bad name: INVALID_ARGUMENT"):
            with self.assertRaises(exceptions.InvalidArgument, msg="it is accepted"):
                self.publisher.create_topic(request={"name": f"{PROJECT}/topics/1"})
        with CALLS("DeleteTopic"):
            self.publisher.delete_topic(request={"topic": self.topic})
            with self.assertRaises(exceptions.NotFound):
                self.publisher.get_topic(request={"topic": self.topic})

    def test_subscriptions(self):
        with CALLS("CreateSubscription defaults"):
            made = self.subscribe()
            self.assertEqual(made.ack_deadline_seconds, 10)
            self.assertEqual(made.message_retention_duration, datetime.timedelta(days=7))
        with CALLS("GetSubscription"):
            got = self.subscriber.get_subscription(request={"subscription": self.subscription})
            self.assertEqual(got.topic, self.topic)
        with CALLS("ListSubscriptions"):
            listed = self.subscriber.list_subscriptions(request={"project": PROJECT})
            self.assertIn(self.subscription, [s.name for s in listed])
        with CALLS("ListTopicSubscriptions"):
            self.assertEqual(list(self.publisher.list_topic_subscriptions(
                request={"topic": self.topic})), [self.subscription])
        with CALLS("UpdateSubscription labels and deadline"):
            updated = self.subscriber.update_subscription(request={
                "subscription": {"name": self.subscription, "labels": {"a": "b"},
                                 "ack_deadline_seconds": 77},
                "update_mask": field_mask_pb2.FieldMask(paths=["labels", "ack_deadline_seconds"])})
            self.assertEqual((dict(updated.labels), updated.ack_deadline_seconds), ({"a": "b"}, 77))
        with CALLS("UpdateSubscription filter: INVALID_ARGUMENT"):
            with self.assertRaises(exceptions.InvalidArgument, msg="it is accepted"):
                self.subscriber.update_subscription(request={
                    "subscription": {"name": self.subscription, "filter": "attributes:a"},
                    "update_mask": field_mask_pb2.FieldMask(paths=["filter"])})
        with CALLS("CreateSubscription bad filter: INVALID_ARGUMENT"):
            with self.assertRaises(exceptions.InvalidArgument, msg="it is accepted"):
                self.subscriber.create_subscription(request={
                    "name": self.subscription + "-f", "topic": self.topic, "filter": "a = b"})
        with CALLS("DeleteTopic leaves _deleted-topic_"):
            self.publisher.delete_topic(request={"topic": self.topic})
            got = self.subscriber.get_subscription(request={"subscription": self.subscription})
            self.assertEqual(got.topic, "_deleted-topic_")
        with CALLS("DeleteSubscription"):
            self.subscriber.delete_subscription(request={"subscription": self.subscription})
            with self.assertRaises(exceptions.NotFound):
                self.subscriber.get_subscription(request={"subscription": self.subscription})

    def test_publish_and_pull(self):
        self.subscribe()
        with CALLS("Publish"):
            ids = self.publish("a", "b", color="red")
            self.assertEqual(len(set(ids)), 2)
        with CALLS("Pull"):
            received = []
            while len(received) < 2:
                received += self.pull()
            self.assertEqual(sorted(self.texts(received)), ["a", "b"])
            self.assertEqual(dict(received[0].message.attributes), {"color": "red"})
            self.assertEqual(sorted(m.message.message_id for m in received), sorted(ids))
        with CALLS("Acknowledge"):
            self.ack(received)
            self.pull_nothing()
        with CALLS("Publish to no topic: NOT_FOUND"):
            with self.assertRaises(exceptions.NotFound):
                self.publisher.publish(f"{PROJECT}/topics/none", b"a").result(10)
        with CALLS("Publish of nothing: INVALID_ARGUMENT"):
            with self.assertRaises(exceptions.InvalidArgument, msg="it is accepted"):
                # The client's own method takes single messages.
                GeneratedPublisher.publish(
                    self.publisher, request={"topic": self.topic, "messages": [{}]})
        with CALLS("Acknowledge of a bad id: INVALID_ARGUMENT"):
            with self.assertRaises(exceptions.InvalidArgument, msg="it is accepted"):
                self.subscriber.acknowledge(
                    request={"subscription": self.subscription, "ack_ids": ["none"]})

    def test_nack(self):
        self.subscribe()
        self.publish("a")
        with CALLS("ModifyAckDeadline 0: again at once"):
            self.nack(self.pull())
            self.assertEqual(self.texts(self.pull()), ["a"])

    def test_deadline(self):
        self.subscribe(ack_deadline_seconds=10)
        self.publish("a")
        with CALLS("ModifyAckDeadline 1: again after it"):
            received = self.pull()
            self.subscriber.modify_ack_deadline(request={
                "subscription": self.subscription, "ack_ids": [received[0].ack_id],
                "ack_deadline_seconds": 1})
            self.assertEqual(self.texts(self.pull(seconds=5)), ["a"])

    def test_streaming_pull(self):
        self.subscribe()
        got = []
        is_all = threading.Event()
        nacked = set()

        def on_message(message):
            if message.data == b"m7" and "m7" not in nacked:
                nacked.add("m7")
                message.nack()
                return
            got.append(message.data.decode())
            message.ack()
            if len(set(got)) == 500:
                is_all.set()

        with CALLS("StreamingPull: 500 messages by callback, one nacked"):
            future = self.subscriber.subscribe(
                self.subscription, on_message,
                flow_control=pubsub_v1.types.FlowControl(max_messages=50))
            pending = [self.publisher.publish(self.topic, f"m{i}".encode()) for i in range(500)]
            concurrent.futures.wait(pending, timeout=30)
            self.assertTrue(is_all.wait(30), f"{len(set(got))} of 500")
            future.cancel()
            future.result(30)
            self.assertEqual(len(set(got)), 500)
        with CALLS("StreamingPull: all acknowledged"):
            time.sleep(0.5)
            self.pull_nothing()

    def test_exactly_once(self):
        self.subscribe(enable_exactly_once_delivery=True)
        results = []
        is_done = threading.Event()

        def on_message(message):
            results.append(message.ack_with_response())
            if len(results) == 20:
                is_done.set()

        with CALLS("StreamingPull: exactly once, ack_with_response"):
            future = self.subscriber.subscribe(self.subscription, on_message)
            self.publish(*[f"m{i}" for i in range(20)])
            self.assertTrue(is_done.wait(20))
            for result in results:
                self.assertEqual(result.result(20).name, "SUCCESS")
            future.cancel()
            future.result(30)

    def test_ordering(self):
        self.subscribe(enable_message_ordering=True)
        texts = [f"m{i}" for i in range(50)]
        got = []
        is_all = threading.Event()
        nacked = []

        def on_message(message):
            text = message.data.decode()
            if text == "m10" and not nacked:
                nacked.append(text)
                message.nack()
                return
            got.append(text)
            message.ack()
            if text == "m49" and "m10" in got:
                is_all.set()

        with CALLS("StreamingPull: order of a key, with a nack"):
            for text in texts:
                self.publisher.publish(self.topic, text.encode(), ordering_key="k")
            future = self.subscriber.subscribe(self.subscription, on_message)
            is_complete = is_all.wait(20)
            future.cancel()
            future.result(30)
            self.assertTrue(is_complete, "not all come within 20 s")
            # The last time that each was given is in order.
            last = sorted(set(got), key=lambda text: len(got) - got[::-1].index(text))
            self.assertEqual(last, texts, "they come in another order")
        with CALLS("Pull of an ordered subscription after a stream"):
            self.publish("after")
            self.assertEqual(self.texts(self.pull(seconds=5)), ["after"], "it does not come")

    def test_filter(self):
        with CALLS("CreateSubscription with a filter"):
            self.subscribe(filter='attributes.color = "red" AND NOT attributes:old')
        self.publish("a", color="red")
        self.publish("b", color="blue")
        self.publish("c", color="red", old="1")
        self.publish("d", color="red")
        with CALLS("Pull: the filter is applied"):
            received = []
            end = time.time() + 5
            while len(received) < 2 and time.time() < end:
                received += self.pull(seconds=1)
            received += self.subscriber.pull(request={
                "subscription": self.subscription, "max_messages": 10,
                "return_immediately": True}).received_messages
            self.assertEqual(sorted(self.texts(received)), ["a", "d"],
                             "messages that do not match come as well")

    def test_dead_letters(self):
        dead = self.topic + "-dead"
        dead_subscription = self.subscription + "-dead"
        self.publisher.create_topic(request={"name": dead})
        self.subscriber.create_subscription(request={"name": dead_subscription, "topic": dead})
        self.subscribe(dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5})
        self.publish("a", k="v")
        with CALLS("Dead letter after 5 attempts, with attempts counted"):
            attempts = []
            for _ in range(5):
                received = self.pull()
                attempts.append(received[0].delivery_attempt)
                self.nack(received)
            self.assertEqual(attempts, [1, 2, 3, 4, 5])
            letters = self.pull(seconds=10, subscription=dead_subscription)
            self.assertEqual(self.texts(letters), ["a"], "there is no dead letter within 10 s")
        with CALLS("Dead letter: Google's attributes"):
            self.assertTrue(letters, "there is no dead letter")
            attributes = dict(letters[0].message.attributes)
            self.assertEqual(attributes["k"], "v")
            self.assertEqual(attributes["CloudPubSubDeadLetterSourceDeliveryCount"], "5")
            self.assertEqual(attributes["CloudPubSubDeadLetterSourceSubscription"],
                             self.subscription.split("/")[-1])
            self.assertIn("CloudPubSubDeadLetterSourceTopicPublishTime", attributes)

    def test_retry_policy(self):
        with CALLS("Retry policy: again after the backoff"):
            self.subscribe(retry_policy={
                "minimum_backoff": duration_pb2.Duration(seconds=1),
                "maximum_backoff": duration_pb2.Duration(seconds=2)})
            self.publish("a")
            self.nack(self.pull())
            self.pull_nothing()
            self.assertEqual(self.texts(self.pull(seconds=5)), ["a"])

    def test_seek(self):
        self.subscribe(retain_acked_messages=True)
        self.publish("a")
        time.sleep(0.2)
        middle = datetime.datetime.now(datetime.timezone.utc)
        time.sleep(0.2)
        self.publish("b")
        received = []
        while len(received) < 2:
            received += self.pull()
        self.ack(received)
        with CALLS("Seek back to a time"):
            self.subscriber.seek(request={"subscription": self.subscription, "time": middle})
            received = self.pull(seconds=5)
            self.assertEqual(self.texts(received), ["b"])
        with CALLS("Seek forward to a time"):
            self.publish("c")
            self.subscriber.seek(request={
                "subscription": self.subscription,
                "time": datetime.datetime.now(datetime.timezone.utc)
                + datetime.timedelta(seconds=1)})
            self.pull_nothing()

    def test_snapshots(self):
        self.subscribe()
        snapshot = f"{PROJECT}/snapshots/snap-{self.number}"
        self.publish("a")
        with CALLS("CreateSnapshot, GetSnapshot, ListSnapshots"):
            self.subscriber.create_snapshot(
                request={"name": snapshot, "subscription": self.subscription})
            got = self.subscriber.get_snapshot(request={"snapshot": snapshot})
            self.assertEqual(got.topic, self.topic)
            listed = self.subscriber.list_snapshots(request={"project": PROJECT})
            self.assertIn(snapshot, [s.name for s in listed])
        with CALLS("Seek to a snapshot"):
            self.ack(self.pull())
            self.subscriber.seek(request={"subscription": self.subscription, "snapshot": snapshot})
            self.assertEqual(self.texts(self.pull()), ["a"])
        with CALLS("DeleteSnapshot"):
            self.subscriber.delete_snapshot(request={"snapshot": snapshot})

    def push_to(self, codes, **config):
        """Subscribes with an endpoint that answers with the codes, then 204; gives its requests."""
        requests = []

        class Endpoint(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                requests.append((dict(self.headers), body))
                self.send_response(codes.pop(0) if codes else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.subscribe(push_config={
            "push_endpoint": f"http://127.0.0.1:{server.server_port}/hook?a=b", **config})
        return requests

    def wait_for(self, is_there):
        end = time.time() + 15
        while not is_there() and time.time() < end:
            time.sleep(0.05)
        self.assertTrue(is_there())

    def test_push(self):
        requests = self.push_to([500, 404])
        with CALLS("Push: wrapped, tried again until it is accepted"):
            message_id = self.publish("hello", k="v")[0]
            self.wait_for(lambda: len(requests) >= 3)
            pushed = json.loads(requests[2][1])
            self.assertEqual(pushed["subscription"], self.subscription)
            self.assertEqual(pushed["message"]["data"], "aGVsbG8=")
            self.assertEqual(pushed["message"]["attributes"], {"k": "v"})
            self.assertEqual(pushed["message"]["messageId"], message_id)
            self.assertIn("publishTime", pushed["message"])
        with CALLS("Push: many messages, each accepted once"):
            self.publish(*[f"m{i}" for i in range(100)])
            self.wait_for(lambda: len(requests) >= 103)
            time.sleep(0.3)
            self.assertEqual(len(requests), 103)
        with CALLS("ModifyPushConfig: from push to pull"):
            self.subscriber.modify_push_config(
                request={"subscription": self.subscription, "push_config": {}})
            self.publish("pulled")
            self.assertEqual(self.texts(self.pull()), ["pulled"])

    def test_push_unwrapped(self):
        requests = self.push_to([], no_wrapper={"write_metadata": True})
        with CALLS("Push: unwrapped, with metadata"):
            message_id = self.publish("hello")[0]
            self.wait_for(lambda: len(requests) == 1)
            self.assertEqual(requests[0][1], b"hello")
            headers = {name.lower(): value for name, value in requests[0][0].items()}
            self.assertEqual(headers["x-goog-pubsub-message-id"], message_id)
            self.assertEqual(headers["x-goog-pubsub-subscription-name"], self.subscription)

    def test_detach(self):
        self.subscribe()
        with CALLS("DetachSubscription"):
            self.publisher.detach_subscription(request={"subscription": self.subscription})
            with self.assertRaises(exceptions.FailedPrecondition):
                self.subscriber.pull(request={"subscription": self.subscription,
                                              "max_messages": 1}, timeout=5, retry=None)

    def rest(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://{REST}/v1/{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def test_rest(self):
        topic = self.topic + "-rest"
        with CALLS("REST: projects.topics.create, get"):
            self.assertEqual(self.rest("PUT", topic, {"labels": {"a": "b"}})[0], 200)
            self.assertEqual(self.rest("GET", topic)[1]["labels"], {"a": "b"})
            self.assertEqual(self.rest("PUT", topic, {})[0], 409)
        with CALLS("REST: projects.subscriptions.create"):
            self.assertEqual(self.rest("PUT", self.subscription, {"topic": topic})[0], 200)
        with CALLS("REST: projects.topics.publish"):
            code, published = self.rest("POST", topic + ":publish", {
                "messages": [{"data": "aGVsbG8=", "attributes": {"k": "v"}}]})
            self.assertEqual((code, len(published["messageIds"])), (200, 1))
        with CALLS("REST: projects.subscriptions.pull, acknowledge"):
            code, pulled = self.rest("POST", self.subscription + ":pull", {"maxMessages": 5})
            self.assertEqual(code, 200)
            received = pulled["receivedMessages"][0]
            self.assertEqual(received["message"]["data"], "aGVsbG8=")
            self.assertEqual(self.rest("POST", self.subscription + ":acknowledge",
                                       {"ackIds": [received["ackId"]]}), (200, {}))
        with CALLS("REST: projects.topics.list, paged"):
            listed = self.rest("GET", f"{PROJECT}/topics?pageSize=1")[1]
            self.assertEqual(len(listed["topics"]), 1, "pageSize is not applied")
            self.assertIn("nextPageToken", listed)
        with CALLS("REST: errors"):
            code, error = self.rest("GET", f"{PROJECT}/topics/none")
            self.assertEqual((code, error["error"]["status"]), (404, "NOT_FOUND"))
            self.assertEqual(self.rest("PUT", topic + "x", {"nothing": 1})[0], 400,
                             "an unknown field is accepted")
        with CALLS("REST: projects.topics.patch, delete"):
            updated = self.rest("PATCH", topic, {"topic": {"labels": {"c": "d"}},
                                                 "updateMask": "labels"})
            self.assertEqual(updated[1].get("labels"), {"c": "d"}, f"HTTP {updated[0]}, no labels")
            self.assertEqual(self.rest("DELETE", topic), (200, {}))

    def test_topic_settings(self):
        topic = self.topic + "-set"
        with CALLS("CreateTopic with labels and retention"):
            made = self.publisher.create_topic(request={
                "name": topic, "labels": {"a": "b"},
                "message_retention_duration": datetime.timedelta(hours=1)})
            self.assertEqual((dict(made.labels), made.message_retention_duration),
                             ({"a": "b"}, datetime.timedelta(hours=1)))
        with CALLS("UpdateTopic retention"):
            updated = self.publisher.update_topic(request={
                "topic": {"name": topic,
                          "message_retention_duration": datetime.timedelta(hours=2)},
                "update_mask": {"paths": ["message_retention_duration"]}})
            self.assertEqual(updated.message_retention_duration, datetime.timedelta(hours=2))
        with CALLS("CreateTopic with a schema that is none: refused"):
            with self.assertRaises((exceptions.NotFound, exceptions.MethodNotImplemented),
                                   msg="the schema is accepted"):
                self.publisher.create_topic(request={
                    "name": topic + "-schema",
                    "schema_settings": {"schema": f"{PROJECT}/schemas/none", "encoding": "JSON"}})

    def test_subscription_settings(self):
        with CALLS("CreateSubscription: expiration, retention, retry, labels"):
            made = self.subscribe(
                expiration_policy={"ttl": datetime.timedelta(days=2)},
                message_retention_duration=datetime.timedelta(minutes=20), labels={"a": "b"},
                retry_policy={"minimum_backoff": datetime.timedelta(seconds=3)})
            self.assertEqual((made.expiration_policy.ttl, made.message_retention_duration,
                              dict(made.labels), made.retry_policy.minimum_backoff),
                             (datetime.timedelta(days=2), datetime.timedelta(minutes=20),
                              {"a": "b"}, datetime.timedelta(seconds=3)))
        with CALLS("UpdateSubscription: retry and dead-letter policy"):
            updated = self.subscriber.update_subscription(request={
                "subscription": {"name": self.subscription,
                                 "retry_policy": {"minimum_backoff": datetime.timedelta(seconds=9)},
                                 "dead_letter_policy": {"dead_letter_topic": self.topic,
                                                        "max_delivery_attempts": 7}},
                "update_mask": {"paths": ["retry_policy", "dead_letter_policy"]}})
            self.assertEqual((updated.retry_policy.minimum_backoff,
                              updated.dead_letter_policy.max_delivery_attempts),
                             (datetime.timedelta(seconds=9), 7))
        with CALLS("CreateSubscription of no topic: NOT_FOUND"):
            with self.assertRaises(exceptions.NotFound):
                self.subscriber.create_subscription(request={
                    "name": self.subscription + "-x", "topic": f"{PROJECT}/topics/none"})
        with CALLS("CreateSubscription: ack deadline of 5 s: INVALID_ARGUMENT"):
            with self.assertRaises(exceptions.InvalidArgument, msg="it is accepted"):
                self.subscriber.create_subscription(request={
                    "name": self.subscription + "-x", "topic": self.topic,
                    "ack_deadline_seconds": 5})
        for name, config in (("bigquery_config", {"table": "p.d.t"}),
                             ("cloud_storage_config", {"bucket": "none"})):
            with CALLS(f"CreateSubscription with a {name}: refused"):
                with self.assertRaises(exceptions.GoogleAPICallError, msg="it is accepted"):
                    self.subscriber.create_subscription(request={
                        "name": f"{self.subscription}-{name[:5]}", "topic": self.topic,
                        name: config})

    def test_publisher_options(self):
        self.subscribe()
        with CALLS("Publish by batches"):
            publisher = pubsub_v1.PublisherClient(
                batch_settings=pubsub_v1.types.BatchSettings(max_messages=100, max_latency=0.05))
            futures = [publisher.publish(self.topic, b"x" * 100) for _ in range(1000)]
            self.assertEqual(len({future.result(20) for future in futures}), 1000)
            publisher.stop()
        with CALLS("Publish of 9.9 MB"):
            self.publisher.publish(self.topic, b"z" * 9_900_000).result(20)
        with CALLS("Publish of a message over 10 MB: INVALID_ARGUMENT"):
            with self.assertRaises(exceptions.InvalidArgument, msg="it is accepted"):
                GeneratedPublisher.publish(self.publisher, request={
                    "topic": self.topic, "messages": [{"data": b"z" * 10_500_000}]})
        with CALLS("Publish with an attribute's name of 257 bytes: INVALID_ARGUMENT"):
            with self.assertRaises(exceptions.InvalidArgument, msg="it is accepted"):
                self.publisher.publish(self.topic, b"a", **{"k" * 257: "v"}).result(20)
        with CALLS("Pull with max_messages 0: INVALID_ARGUMENT"):
            with self.assertRaises(exceptions.InvalidArgument, msg="it is accepted"):
                self.subscriber.pull(request={"subscription": self.subscription}, timeout=5,
                                     retry=None)

    def test_streams_that_cannot_be(self):
        with CALLS("StreamingPull of no subscription: NOT_FOUND"):
            future = self.subscriber.subscribe(f"{PROJECT}/subscriptions/none", print)
            with self.assertRaises(exceptions.NotFound):
                future.result(20)
        self.subscribe()
        with CALLS("StreamingPull ends as its subscription is deleted: NOT_FOUND"):
            future = self.subscriber.subscribe(self.subscription, print)
            time.sleep(0.3)
            self.subscriber.delete_subscription(request={"subscription": self.subscription})
            with self.assertRaises(exceptions.NotFound, msg="the stream goes on"):
                try:
                    future.result(8)
                except concurrent.futures.TimeoutError:
                    future.cancel()

    def test_more_of_snapshots(self):
        self.subscribe()
        snapshot = f"{PROJECT}/snapshots/more-{self.number}"
        with CALLS("UpdateSnapshot labels"):
            self.subscriber.create_snapshot(
                request={"name": snapshot, "subscription": self.subscription})
            updated = self.subscriber.update_snapshot(request={
                "snapshot": {"name": snapshot, "labels": {"a": "b"}},
                "update_mask": {"paths": ["labels"]}})
            self.assertEqual(dict(updated.labels), {"a": "b"})
        with CALLS("ListTopicSnapshots"):
            listed = GeneratedPublisher.list_topic_snapshots(
                self.publisher, request={"topic": self.topic})
            self.assertEqual(list(listed), [snapshot])
        with CALLS("CreateSnapshot again: ALREADY_EXISTS"):
            with self.assertRaises(exceptions.AlreadyExists):
                self.subscriber.create_snapshot(
                    request={"name": snapshot, "subscription": self.subscription})
        with CALLS("Seek to no snapshot: NOT_FOUND"):
            with self.assertRaises(exceptions.NotFound):
                self.subscriber.seek(request={"subscription": self.subscription,
                                              "snapshot": f"{PROJECT}/snapshots/none"})

    def unimplemented(self, call, method):
        """Notes a call that Joist doesn't have and says so, as what another server does with it."""
        with CALLS(call):
            if CALLS.emulator is not None:
                method()
                return
            with self.assertRaises(exceptions.MethodNotImplemented) as caught:
                method()
            self.assertRegex(str(caught.exception), "joist serve has no ")
            CALLS.note(call, "UNIMPLEMENTED, which the message says")

    def test_schemas(self):
        client = pubsub_v1.SchemaServiceClient()
        name = f"{PROJECT}/schemas/schema-{self.number}"
        definition = json.dumps({"type": "record", "name": "R", "fields": [
            {"name": "s", "type": "string"}]})
        schema = {"type_": "AVRO", "definition": definition}
        for call, method in (
                ("CreateSchema", lambda: client.create_schema(request={
                    "parent": PROJECT, "schema_id": name.split("/")[-1], "schema": schema})),
                ("GetSchema", lambda: client.get_schema(request={"name": name})),
                ("ListSchemas", lambda: list(client.list_schemas(request={"parent": PROJECT}))),
                ("ListSchemaRevisions",
                 lambda: list(client.list_schema_revisions(request={"name": name}))),
                ("CommitSchema", lambda: client.commit_schema(request={
                    "name": name, "schema": {"name": name, **schema}})),
                ("ValidateSchema", lambda: client.validate_schema(request={
                    "parent": PROJECT, "schema": schema})),
                ("ValidateMessage", lambda: client.validate_message(request={
                    "parent": PROJECT, "name": name, "message": b'{"s": "a"}',
                    "encoding": "JSON"})),
                ("DeleteSchema", lambda: client.delete_schema(request={"name": name}))):
            self.unimplemented(call, method)

    def test_iam(self):
        for call, method in (
                ("GetIamPolicy", lambda: self.publisher.get_iam_policy(
                    request=iam_policy_pb2.GetIamPolicyRequest(resource=self.topic), timeout=5)),
                ("SetIamPolicy", lambda: self.publisher.set_iam_policy(
                    request=iam_policy_pb2.SetIamPolicyRequest(
                        resource=self.topic, policy=policy_pb2.Policy()), timeout=5)),
                ("TestIamPermissions", lambda: self.publisher.test_iam_permissions(
                    request=iam_policy_pb2.TestIamPermissionsRequest(
                        resource=self.topic, permissions=["pubsub.topics.get"]), timeout=5))):
            self.unimplemented(call, method)

    @unittest.skipIf(shutil.which("gcloud") is None, "there is no gcloud")
    def test_gcloud(self):
        folder = tempfile.mkdtemp(prefix=f"joist-gcloud-{os.getpid()}-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        environment = dict(
            calls.without_clients(), CLOUDSDK_CONFIG=folder,
            CLOUDSDK_AUTH_DISABLE_CREDENTIALS="true", CLOUDSDK_CORE_DISABLE_PROMPTS="1",
            CLOUDSDK_CORE_PROJECT=PROJECT.split("/")[1],
            CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB=f"http://{REST}/")
        name = self.topic.split("/")[-1] + "-gcloud"

        def gcloud(line, check=lambda answer: True):
            words = line.split()
            with CALLS("gcloud pubsub " + " ".join(words[:2])):
                done = subprocess.run(
                    ["gcloud", "pubsub", *words, "--format=json"], env=environment,
                    capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)
                answer = json.loads(done.stdout or "null")
                self.assertTrue(check(answer), "the answer is without what was set")

        gcloud(f"topics create {name}")
        gcloud(f"topics update {name} --update-labels=a=b",
               lambda topic: topic.get("labels") == {"a": "b"})
        gcloud(f"topics describe {name}", lambda topic: topic.get("labels") == {"a": "b"})
        gcloud("topics list", lambda topics: any(t["name"].endswith(name) for t in topics))
        gcloud(f"subscriptions create {name}-sub --topic={name} --ack-deadline=20")
        gcloud(f"subscriptions update {name}-sub --ack-deadline=30")
        gcloud(f"subscriptions describe {name}-sub", lambda s: s["ackDeadlineSeconds"] == 30)
        gcloud(f"topics list-subscriptions {name}", lambda names: len(names) == 1)
        gcloud(f"snapshots create {name}-snap --subscription={name}-sub")
        gcloud(f"topics publish {name} --message=hello --attribute=k=v")
        gcloud(f"subscriptions pull {name}-sub --auto-ack",
               lambda pulled: pulled[0]["message"]["attributes"] == {"k": "v"})
        gcloud(f"subscriptions seek {name}-sub --snapshot={name}-snap")
        gcloud("snapshots list", lambda snapshots: len(snapshots) >= 1)
        gcloud(f"snapshots delete {name}-snap")
        gcloud(f"subscriptions delete {name}-sub")
        gcloud(f"topics delete {name}")


def main():
    global REST
    if CALLS.emulator is not None:
        os.environ["PUBSUB_EMULATOR_HOST"] = CALLS.emulator
        return CALLS.run(250)
    with tempfile.TemporaryDirectory(prefix=f"joist-pubsub-{os.getpid()}-") as folder:
        server, REST, os.environ["PUBSUB_EMULATOR_HOST"] = CALLS.serve(folder)
        try:
            return CALLS.run(250)
        finally:
            CALLS.stop(server)


if __name__ == "__main__":
    sys.exit(main())
