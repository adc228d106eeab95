#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# train_purchase_model.py EVENTS MODEL: makes the model by which events_per_user scores events: how
# likely it is that the user's session, of which the event is, ends with a purchase.
#
#   synth-clickstream --endpoint=- --events=200000 --rate=0 --start=2026-01-01T00:00:00Z > events
#   apps/events-per-user/train_purchase_model.py events apps/events-per-user/model/purchase.json
#
# EVENTS is JSON, one a line. The features are those of FeaturesOf in events_per_user.cc; the model
# is tools/train_model.py's linear one.

import csv
import json
import os
import subprocess
import sys
import tempfile

FEATURES = ["is_view_item", "is_add_to_cart", "is_begin_checkout", "value"]


def features_of(event):
    name = event["event_name"]
    return [int(name == "view_item"), int(name == "add_to_cart"), int(name == "begin_checkout"),
            event.get("ecommerce", {}).get("value", 0)]


def examples(lines):
    """Features and outcome of each event of a session that has ended."""
    sessions = {}
    for line in lines:
        event = json.loads(line)
        user = event["user_pseudo_id"]
        if event["event_name"] == "session_start":
            for features in sessions.pop(user, []):
                yield features + [0]
        if event["event_name"] == "purchase":
            for features in sessions.pop(user, []):
                yield features + [1]
        else:
            sessions.setdefault(user, []).append(features_of(event))


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: train_purchase_model.py EVENTS MODEL")
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, "examples.csv")
        with open(sys.argv[1], encoding="utf-8") as events, \
                open(table, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(FEATURES + ["purchase"])
            writer.writerows(examples(events))
        subprocess.run([sys.executable, os.path.join(root, "tools", "train_model.py"), "linear",
                        table, "--target=purchase", f"--output={sys.argv[2]}"], check=True)


main()
