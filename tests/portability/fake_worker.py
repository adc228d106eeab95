# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""An SDK worker that speaks the Fn API by hand and says what no SDK would: for misbehaving_test.py."""

import queue
import threading

import grpc
from apache_beam.portability.api import beam_fn_api_pb2 as fn
from apache_beam.portability.api import beam_fn_api_pb2_grpc as fn_grpc

SINK = "beam:runner:sink:v1"


class FakeWorker:
    """Connects as the worker of `request` and answers instructions well, but for bundles, for which it
    calls on_bundle(worker, instruction). It computes nothing: a bundle has no output."""

    def __init__(self, request, on_bundle):
        self._request = request
        self._on_bundle = on_bundle
        self._answers = queue.Queue()
        self._descriptors = {}
        self._metadata = (("worker_id", request.worker_id),)
        self._channel = grpc.insecure_channel(request.control_endpoint.url)
        self._channels = {}
        self._data = {}
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def is_running(self):
        return self._thread.is_alive()

    def stop(self):
        self._channel.close()
        for channel in self._channels.values():
            channel.close()
        for stream in (self._answers, *self._data.values()):
            stream.put(None)
        self._thread.join(10)

    def answer(self, response):
        self._answers.put(response)

    def hang_up(self):
        """Ends the control stream from this side."""
        self._answers.put(None)

    def done(self, instruction):
        return fn.InstructionResponse(instruction_id=instruction.instruction_id,
                                      process_bundle=fn.ProcessBundleResponse())

    def outputs(self, instruction):
        """The endpoint of data and the transforms that a bundle sends its output for."""
        identifier = instruction.process_bundle.process_bundle_descriptor_id
        if identifier not in self._descriptors:
            control = fn_grpc.BeamFnControlStub(self._channel)
            self._descriptors[identifier] = control.GetProcessBundleDescriptor(
                fn.GetProcessBundleDescriptorRequest(process_bundle_descriptor_id=identifier),
                metadata=self._metadata, timeout=10)
        transforms = self._descriptors[identifier].transforms
        sinks = [name for name, transform in transforms.items() if transform.spec.urn == SINK]
        ports = [fn.RemoteGrpcPort.FromString(transforms[name].spec.payload) for name in sinks]
        return (ports[0].api_service_descriptor.url if ports else None), sinks

    def state_endpoint(self, instruction):
        self.outputs(instruction)
        identifier = instruction.process_bundle.process_bundle_descriptor_id
        return self._descriptors[identifier].state_api_service_descriptor.url

    def send(self, endpoint, message):
        """Sends a message on the data stream: each worker has one, which stays open."""
        if endpoint not in self._data:
            self._data[endpoint] = queue.Queue()
            incoming = fn_grpc.BeamFnDataStub(self._to(endpoint)).Data(
                iter(self._data[endpoint].get, None), metadata=self._metadata)

            def drain():
                try:
                    for _ in incoming:
                        pass
                except grpc.RpcError:
                    pass  # The runner may end it: that is what it is for.

            threading.Thread(target=drain, daemon=True).start()
        self._data[endpoint].put(message)

    def ask_state(self, endpoint, *requests):
        """What comes back for requests of state: responses, or the error that ends the stream."""
        stream = queue.Queue()
        for request in requests:
            stream.put(request)
        answers = []
        try:
            for response in fn_grpc.BeamFnStateStub(self._to(endpoint)).State(
                    iter(stream.get, None), metadata=self._metadata, timeout=10):
                answers.append(response)
                if len(answers) == len(requests):
                    break
        except grpc.RpcError as error:
            answers.append(error)
        stream.put(None)
        return answers

    def _to(self, endpoint):
        if endpoint not in self._channels:
            self._channels[endpoint] = grpc.insecure_channel(endpoint)
        return self._channels[endpoint]

    def _serve(self):
        control = fn_grpc.BeamFnControlStub(self._channel)
        try:
            for instruction in control.Control(iter(self._answers.get, None),
                                               metadata=self._metadata):
                kind = instruction.WhichOneof("request")
                if kind == "process_bundle":
                    self._on_bundle(self, instruction)
                elif kind == "register":
                    for descriptor in instruction.register.process_bundle_descriptor:
                        self._descriptors[descriptor.id] = descriptor
                    self.answer(fn.InstructionResponse(instruction_id=instruction.instruction_id,
                                                       register=fn.RegisterResponse()))
                else:
                    answer = fn.InstructionResponse(instruction_id=instruction.instruction_id)
                    getattr(answer, kind).SetInParent()
                    self.answer(answer)
        except (grpc.RpcError, ValueError):
            pass  # The runner has ended it, or stop() has.
