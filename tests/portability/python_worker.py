# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""python_worker.py --id=… --logging_endpoint=… --control_endpoint=… --provision_endpoint=…: a worker of
Beam's Python SDK, as the boot program in Beam's images starts it: with the channel for its log."""

import argparse
import os

import grpc
from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc
from google.protobuf import json_format


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("id", "logging_endpoint", "artifact_endpoint", "provision_endpoint",
                 "control_endpoint"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()
    with grpc.insecure_channel(given.provision_endpoint) as channel:
        provision = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel).GetProvisionInfo(
            beam_provision_api_pb2.GetProvisionInfoRequest(),
            metadata=(("worker_id", given.id),)).info
    os.environ["WORKER_ID"] = given.id
    os.environ["PIPELINE_OPTIONS"] = json_format.MessageToJson(provision.pipeline_options)
    os.environ["LOGGING_API_SERVICE_DESCRIPTOR"] = f'url: "{given.logging_endpoint}"'
    os.environ["CONTROL_API_SERVICE_DESCRIPTOR"] = f'url: "{given.control_endpoint}"'
    # Which looks at these when it is imported.
    from apache_beam.runners.worker import sdk_worker_main  # pylint: disable=import-outside-toplevel
    sdk_worker_main.main(["sdk_worker_main"])


if __name__ == "__main__":
    main()
